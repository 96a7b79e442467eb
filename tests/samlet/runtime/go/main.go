// A function in Go, as somebody would write it for provided.al2023: what Samlet's tests need to see of a runtime that
// is not Python.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
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

func main() {
	goodbye := os.Getenv("GOODBYE")
	if goodbye == "" {
		lambda.Start(handle)
	}
	lambda.StartWithOptions(handle, lambda.WithEnableSIGTERM(func() {
		_ = os.WriteFile(goodbye, []byte("goodbye"), 0o600)
	}))
}
