package wire

func sqsQueue(*drivers) (queueDriver, error) { return nil, leftOut("BELLHOP_QUEUE", "sqs:") }
