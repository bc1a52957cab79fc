package lambdaruntime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// maxPayload is how large an event and an answer may be.
const maxPayload = 6 << 20

// Server holds functions and answers the Invoke API on a port of its own on
// loopback.
type Server struct {
	output io.Writer
	http   *http.Server
	url    string
	ended  chan struct{}

	mu        sync.Mutex
	functions map[string]*Function
}

// Start starts a server. Its functions' output goes to output; nil drops it.
func Start(output io.Writer) (*Server, error) {
	if output == nil {
		output = io.Discard
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Server{output: &together{w: output}, url: "http://" + l.Addr().String(),
		ended: make(chan struct{}), functions: map[string]*Function{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /2015-03-31/functions/{name}/invocations", s.invoke)
	s.http = &http.Server{Handler: mux}
	go func() {
		defer close(s.ended)
		s.http.Serve(l)
	}()
	return s, nil
}

// InvokeURL is the URL of the Invoke API, for AWS_ENDPOINT_URL_LAMBDA.
func (s *Server) InvokeURL() string { return s.url }

// Function adds a function: a program that asks the Runtime API for work. env,
// NAME=VALUE each, is all that it sees beside Lambda's own. Change the function's
// fields before the first invocation.
func (s *Server) Function(name string, command []string, env ...string) *Function {
	f := newFunction(name, command, env, s.output)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.functions[name] = f
	return f
}

// Close kills all functions and waits for their end.
func (s *Server) Close() error {
	err := s.http.Close()
	<-s.ended
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.functions {
		f.close()
	}
	return err
}

// lookUp finds a function by its name or ARN, with or without a qualifier.
func (s *Server) lookUp(name string) *Function {
	if rest, ok := strings.CutPrefix(name, "arn:"); ok {
		if _, rest, ok = strings.Cut(rest, ":function:"); !ok {
			return nil
		}
		name = rest
	}
	name, _, _ = strings.Cut(name, ":")
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.functions[name]
}

// invoke is the Invoke operation
// (https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html), synchronous
// only.
func (s *Server) invoke(w http.ResponseWriter, r *http.Request) {
	name, err := url.PathUnescape(r.PathValue("name"))
	f := s.lookUp(name)
	if err != nil || f == nil {
		refuse(w, http.StatusNotFound, "ResourceNotFoundException", "Function not found: "+name)
		return
	}
	if kind := r.Header.Get("X-Amz-Invocation-Type"); kind != "" && kind != "RequestResponse" {
		refuse(w, http.StatusBadRequest, "InvalidParameterValueException",
			"this server knows RequestResponse alone, and not "+kind)
		return
	}
	payload, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPayload))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		refuse(w, http.StatusRequestEntityTooLarge, "RequestTooLargeException", fmt.Sprintf("the event is above %d bytes",
			maxPayload))
		return
	case err != nil:
		refuse(w, http.StatusBadRequest, "InvalidRequestContentException", "the event could not be read")
		return
	case len(payload) > 0 && !json.Valid(payload):
		refuse(w, http.StatusBadRequest, "InvalidRequestContentException", "the event is no JSON")
		return
	}
	// Lambda goes on when the caller has gone.
	result, err := f.Invoke(context.WithoutCancel(r.Context()), payload)
	if err != nil {
		refuse(w, http.StatusInternalServerError, "ServiceException", err.Error())
		return
	}
	w.Header().Set("X-Amzn-RequestId", result.RequestID)
	w.Header().Set("X-Amz-Executed-Version", "$LATEST")
	w.Header().Set("Content-Type", "application/json")
	if result.Failed {
		w.Header().Set("X-Amz-Function-Error", "Unhandled")
	}
	w.Write(result.Payload)
}

func refuse(w http.ResponseWriter, status int, kind, message string) {
	w.Header().Set("X-Amzn-ErrorType", kind)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]string{"Type": "User", "Message": message})
}

// together lets many functions print at once.
type together struct {
	mu sync.Mutex
	w  io.Writer
}

func (t *together) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.w.Write(b)
}
