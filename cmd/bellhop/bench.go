package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

type benchCmd struct {
	Args []string `arg:"" optional:"" help:"What bellhop-bench takes."`
}

func (benchCmd) Help() string {
	return `Measuring is a program of its own, bellhop-bench. This runs it when it lies beside bellhop.`
}

// Run's exit code is the other program's.
func (c *benchCmd) Run(j *job) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	program := filepath.Join(filepath.Dir(self), "bellhop-bench"+filepath.Ext(self))
	if _, err := os.Stat(program); err != nil {
		return fmt.Errorf("bellhop bench is a program of its own now, bellhop-bench: put it beside %s, or run it by "+
			"itself", self)
	}
	fmt.Fprintln(j.err, "bellhop bench is a program of its own now: running", program)
	cmd := exec.CommandContext(j.ctx, program, c.Args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = j.in, j.out, j.err
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	return cmd.Run()
}
