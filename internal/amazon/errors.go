package amazon

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"bellhop"
)

// The codes of [Explain]'s errors for trouble that does not pass by itself.
const (
	CodeDenied      = "aws_denied"
	CodeCredentials = "aws_credentials"
	CodeKey         = "aws_key"
)

// advice maps AWS's codes to the fault and its fix. The codes for one fault differ between services
// and protocols.
var advice = map[string]struct{ code, message string }{
	"AccessDenied":                {CodeDenied, "AWS denies it: give the role or user the permission that the next words name"},
	"AccessDeniedException":       {CodeDenied, "AWS denies it: give the role or user the permission that the next words name"},
	"UnauthorizedOperation":       {CodeDenied, "AWS denies it: give the role or user the permission that the next words name"},
	"ExpiredToken":                {CodeCredentials, "the AWS credentials have expired: renew them"},
	"ExpiredTokenException":       {CodeCredentials, "the AWS credentials have expired: renew them"},
	"RequestExpired":              {CodeCredentials, "AWS finds the request too old: check this machine's clock"},
	"InvalidClientTokenId":        {CodeCredentials, "AWS does not know the credentials: check AWS_ACCESS_KEY_ID, and that the region is one of the account's"},
	"UnrecognizedClientException": {CodeCredentials, "AWS does not know the credentials: check AWS_ACCESS_KEY_ID, and that the region is one of the account's"},
	"InvalidAccessKeyId":          {CodeCredentials, "AWS does not know the credentials: check AWS_ACCESS_KEY_ID, and that the region is one of the account's"},
	"InvalidSecurity":             {CodeCredentials, "AWS does not take the credentials: check them, and that the endpoint is one of AWS over https"},
	"SignatureDoesNotMatch":       {CodeCredentials, "AWS does not take the signature: check AWS_SECRET_ACCESS_KEY, the region and this machine's clock"},
	"InvalidSignatureException":   {CodeCredentials, "AWS does not take the signature: check AWS_SECRET_ACCESS_KEY, the region and this machine's clock"},
	"IncompleteSignature":         {CodeCredentials, "AWS does not take the signature: check AWS_SECRET_ACCESS_KEY, the region and this machine's clock"},
	"MissingAuthenticationToken":  {CodeCredentials, "AWS wants credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run where a role is attached"},
	"KmsAccessDenied":             {CodeKey, "the encryption key can't be used: let the role use it (kms:GenerateDataKey, kms:Decrypt)"},
	"KmsDisabled":                 {CodeKey, "the encryption key is disabled: enable it"},
	"KmsInvalidKeyUsage":          {CodeKey, "the encryption key can't be used: give a symmetric one for encryption"},
	"KmsInvalidState":             {CodeKey, "the encryption key can't be used in its state: check whether its deletion is scheduled"},
	"KmsNotFound":                 {CodeKey, "the encryption key is not there: check its id and region"},
	"KmsOptInRequired":            {CodeKey, "the account has no right to the encryption key's service: sign up for it"},
}

// Explain turns an error of the SDK into ctx's own if that is done, or else into
// an error of kind bellhop.Unavailable. Its message says what to do, its code whether
// a person must do it. All of them may pass: a missing permission is no verdict on
// an event.
func Explain(ctx context.Context, doing string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	out := &bellhop.Error{Kind: bellhop.Unavailable, Code: "aws_unavailable", Message: doing + ": AWS does not answer",
		Cause: err}
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		if errors.Is(err, context.DeadlineExceeded) {
			out.Cause = nil // the SDK calls its own time limit a cancellation
		}
		return out
	}
	// A refused signature comes with the request as it should have been signed,
	// token included: only the code is passed on.
	code := Code(err)
	cause := code + ": " + api.ErrorMessage()
	out.Message = doing + ": AWS can't do it now"
	if a, ok := advice[code]; ok {
		out.Code, out.Message = a.code, doing+": "+a.message
		if a.code == CodeCredentials {
			cause = code
		}
	}
	if r, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		if out.Code == "aws_unavailable" && r.HTTPStatusCode() == http.StatusForbidden {
			out.Code = CodeDenied
		}
		cause += fmt.Sprintf(" (status %d, request %s)", r.HTTPStatusCode(), r.ServiceRequestID())
	}
	out.Cause = errors.New(cause)
	return out
}

// Code returns AWS's code of an error, "" if it has none. SQS also sends the names of an older
// protocol, and the SDK passes them on.
func Code(err error) string {
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return ""
	}
	code := strings.TrimPrefix(api.ErrorCode(), "AWS.SimpleQueueService.")
	if kms, ok := strings.CutPrefix(code, "KMS."); ok {
		return "Kms" + strings.TrimSuffix(kms, "Exception")
	}
	return code
}

// AtStart turns a fault that does not pass by itself into one of the configuration, of kind
// bellhop.Invalid, so that the start fails at once.
func AtStart(err error) error {
	e, ok := errors.AsType[*bellhop.Error](err)
	if !ok || e.Code != CodeDenied && e.Code != CodeCredentials && e.Code != CodeKey {
		return err
	}
	again := *e
	again.Kind = bellhop.Invalid
	return &again
}
