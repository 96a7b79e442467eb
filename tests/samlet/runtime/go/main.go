// A function in Go, as somebody would write it for provided.al2023: what Samlet's tests need to see of a runtime that
// is not Python.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-lambda-go/lambdaurl"
)

type answer struct {
	Event     json.RawMessage `json:"event"`
	RequestID string          `json:"request_id"`
	ARN       string          `json:"arn"`
	Remaining int64           `json:"remaining_ms"`
	Pid       int             `json:"pid"`
	Handler   string          `json:"handler"`
	Layer     string          `json:"layer"`
}

func handle(ctx context.Context, event json.RawMessage) (answer, error) {
	switch string(event) {
	case `"fail"`:
		return answer{}, errors.New("told to fail")
	case `"panic"`:
		panic("told to panic")
	case `"exit"`:
		os.Exit(42)
	case `"sleep"`:
		time.Sleep(time.Minute)
	}
	told, _ := lambdacontext.FromContext(ctx)
	deadline, _ := ctx.Deadline()
	return answer{
		Event:     event,
		RequestID: told.AwsRequestID,
		ARN:       told.InvokedFunctionArn,
		Remaining: time.Until(deadline).Milliseconds(),
		Pid:       os.Getpid(),
		Handler:   os.Getenv("_HANDLER"),
		Layer:     os.Getenv("LAMBDA_OPT_ROOT"),
	}, nil
}

// site streams a page: its second part comes once the file is there that the query names as gate.
func site(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain")
	w.Header().Add("Set-Cookie", "a=1")
	w.Header().Add("Set-Cookie", "b=2")
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, "one")
	for gate := r.URL.Query().Get("gate"); gate != ""; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(gate); err == nil {
			break
		}
	}
	_, _ = io.WriteString(w, "two")
}

// breaksOff streams an answer that fails after its first part.
func breaksOff(context.Context, json.RawMessage) (io.Reader, error) {
	read, write := io.Pipe()
	go func() {
		_, _ = io.WriteString(write, "one")
		_ = write.CloseWithError(errors.New("told to fail"))
	}()
	return read, nil
}

func main() {
	switch os.Getenv("STREAMS") {
	case "site":
		lambdaurl.Start(http.HandlerFunc(site))
	case "breaks off":
		lambda.Start(breaksOff)
	}
	goodbye := os.Getenv("GOODBYE")
	if goodbye == "" {
		lambda.Start(handle)
	}
	lambda.StartWithOptions(handle, lambda.WithEnableSIGTERM(func() {
		_ = os.WriteFile(goodbye, []byte("goodbye"), 0o600)
	}))
}
