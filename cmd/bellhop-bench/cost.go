package main

import (
	"io"
	"path/filepath"

	"bellhop/bench/cost"
	"bellhop/bench/prices"
)

type costCmd struct {
	JSON         bool    `name:"json" help:"Print JSON instead of a table."`
	OrdersPerDay float64 `name:"orders-per-day" placeholder:"N" help:"Your shops' orders a day: list their bill line by line."`

	Prices     string `name:"prices" placeholder:"FILE" help:"A file with your own prices, in the format of --show-prices."`
	ShowPrices bool   `name:"show-prices" help:"Only print the prices with their sources."`
	Results    string `name:"results" placeholder:"FILE" help:"The results of bellhop-bench run --json on your machine, for the requests and milliseconds an order."`

	cost.Options

	Chart string `name:"chart" placeholder:"FILE" help:"Also draw the lines to this file, as SVG."`
	Doc   string `name:"markdown" placeholder:"FILE" help:"Also write a Markdown document, with the chart if there is one."`
}

// Help implements kong.HelpProvider.
func (costCmd) Help() string {
	return `Compares a small machine with everything in one process, with managed Postgres, with RabbitMQ of your own
or managed, and AWS with SQS, Lambda and Step Functions, and shows where one becomes cheaper than another. On AWS orders
come by a function's URL, by EventBridge or from a server of your own. Each has a server for API and console, and a
database. The prices come from a dated file that names the source of each. The
resources of an order are measured; it names each assumption.

Example:

  bellhop-bench cost --orders-per-day 800 --chart cost.svg`
}

// Run implements the command.
func (c *costCmd) Run(j *job) error {
	if c.ShowPrices {
		_, err := j.out.Write(prices.Default())
		return err
	}
	o := c.Options
	var err error
	if c.Prices != "" {
		if o.Prices, err = readFrom(c.Prices, "a file of prices, as --show-prices prints it", prices.Read); err != nil {
			return err
		}
	}
	if c.Results != "" {
		if o.Measured, err = readFrom(c.Results, "the results of bellhop-bench run --json", cost.Read); err != nil {
			return err
		}
	}
	r, err := cost.New(o, c.OrdersPerDay)
	if err != nil {
		return err
	}
	if err := c.files(r); err != nil {
		return err
	}
	if c.JSON {
		return j.json(r)
	}
	if err := r.WriteText(j.out); err != nil || c.OrdersPerDay == 0 {
		return err
	}
	return r.WriteBills(j.out)
}

func (c *costCmd) files(r *cost.Report) error {
	if c.Chart != "" {
		if err := writeChart(c.Chart, r.Chart()); err != nil {
			return err
		}
	}
	if c.Doc == "" {
		return nil
	}
	picture := c.Chart
	if in, err := filepath.Rel(filepath.Dir(c.Doc), c.Chart); picture != "" && err == nil {
		picture = filepath.ToSlash(in)
	}
	return writeFile(c.Doc, "document", func(w io.Writer) error { return r.WriteMarkdown(w, picture) })
}
