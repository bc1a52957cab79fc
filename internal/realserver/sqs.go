package realserver

import (
	"context"
)

// SQS is a stand-in for SQS and S3.
type SQS struct {
	*process
	Endpoint string // http://HOST:PORT
}

// StartSQS starts a stand-in for SQS and S3 with nothing in it. It accepts any
// credentials, in the region us-east-1 and the account 000000000000.
//
// It keeps no promise of durability, and differs from SQS: it refuses characters
// outside the BMP, knows no StartMessageMoveTask, lets a cancelled long poll take
// the next message with it, "deletes" by any receipt handle, and hands out one
// message per group and receive of a FIFO queue.
func StartSQS(ctx context.Context) (*SQS, error) {
	p, endpoint, err := startNode(ctx, fauxqs, "FAUXQS_PORT", "/health", "FAUXQS_LOGGER=false")
	if p == nil {
		return nil, err
	}
	return &SQS{p, endpoint}, err
}

const fauxqs = "fauxqs/dist/server.js"

// SQSInstalled is why the stand-in can't be started, if that is known.
func SQSInstalled() error {
	_, err := NodeCommand(fauxqs)
	return err
}
