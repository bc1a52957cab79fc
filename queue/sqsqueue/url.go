package sqsqueue

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"bellhop"
	"bellhop/internal/amazon"
	"bellhop/queue"
)

// accepted describes the setting, for errors.
const accepted = "give sqs://sqs.REGION.amazonaws.com/ACCOUNT/NAME, or for an endpoint of your own " +
	"sqs+http://HOST:PORT/ACCOUNT/NAME?region=REGION; bucket=NAME, kms=KEY, envelope=eventbridge and " +
	"source=aws.partner/shopify.com/ID/NAME may follow"

var (
	awsHost     = regexp.MustCompile(`^sqs\.([a-z0-9-]+)\.(amazonaws\.com|amazonaws\.com\.cn|api\.aws)$`)
	accountForm = regexp.MustCompile(`^[0-9]{12}$`)
	bucketForm  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
	sourceForm  = regexp.MustCompile(`^aws\.partner/shopify\.com/[0-9A-Za-z._/-]+$`)
	nameForm    = regexp.MustCompile(`^[A-Za-z0-9_-]{1,70}(\.fifo)?$`)
)

// ParseURL reads the address of a queue from BELLHOP_QUEUE. Its errors are one line
// that names the setting.
func ParseURL(address string) (o Options, name string, err error) {
	u, err := url.Parse(address)
	if err != nil {
		return o, "", setting("it is not an address") // which may hold a password
	}
	if u.User != nil {
		return o, "", setting("it holds a name or password, and AWS's credentials come from the environment")
	}
	query := u.Query()
	if o.Settings, err = where(u, query.Get("region")); err != nil {
		return o, "", err
	}
	account, name, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	if !accountForm.MatchString(account) {
		return o, "", setting("%q is not an account of 12 digits", clip(account))
	}
	if err := checkName(name); err != nil {
		return o, "", setting("%v", err)
	}
	for key, values := range query {
		switch {
		case !slices.Contains([]string{"region", "bucket", "kms", "envelope", "source"}, key):
			return o, "", setting("there is no parameter %q", clip(key))
		case len(values) != 1 || values[0] == "":
			return o, "", setting("the parameter %s has no value, or several", key)
		case key == "bucket" && !bucketForm.MatchString(values[0]):
			return o, "", setting("%q is no bucket's name", clip(values[0]))
		}
	}
	o.Account, o.Bucket, o.KMSKey = account, query.Get("bucket"), query.Get("kms")
	return o, name, o.envelopes(query)
}

// EventSource returns the ARN of the partner event source whose envelopes the queue takes; "" where the queue's URL
// names none, or no region.
func (o *Options) EventSource() string {
	if o.Source == "" || o.Settings.Region == "" {
		return ""
	}
	partition := "aws"
	switch area, _, _ := strings.Cut(o.Settings.Region, "-"); {
	case area == "cn":
		partition = "aws-cn"
	case strings.HasPrefix(o.Settings.Region, "us-gov-"):
		partition = "aws-us-gov"
	}
	return "arn:" + partition + ":events:" + o.Settings.Region + "::event-source/" + o.Source
}

// envelopes reads whether the queue takes envelopes of others.
func (o *Options) envelopes(query url.Values) error {
	kind, source := query.Get("envelope"), query.Get("source")
	o.EventBridge, o.Source = kind == "eventbridge", source
	switch {
	case kind != "" && !o.EventBridge:
		return setting("there is no envelope %q", clip(kind))
	case source != "" && !o.EventBridge:
		return setting("the parameter source is of envelope=eventbridge, which is missing")
	case source != "" && !sourceForm.MatchString(source):
		return setting("%q is not a partner event source of Shopify's", clip(source))
	}
	return nil
}

// where reads the part before the account.
func where(u *url.URL, region string) (amazon.Settings, error) {
	if scheme, own := strings.CutPrefix(u.Scheme, "sqs+"); own {
		if scheme != "http" && scheme != "https" || u.Host == "" {
			return amazon.Settings{}, setting("its endpoint is not one of HTTP")
		}
		return amazon.Settings{Region: region, Endpoint: scheme + "://" + u.Host}, nil
	}
	host := awsHost.FindStringSubmatch(u.Host)
	if u.Scheme != "sqs" || host == nil {
		return amazon.Settings{}, setting("%q is not a host of SQS", clip(u.Host))
	}
	if region != "" && region != host[1] {
		return amazon.Settings{}, setting("the parameter region is %q and the host is in %s", clip(region), host[1])
	}
	return amazon.Settings{Region: host[1], DualStack: host[2] == "api.aws"}, nil
}

func setting(format string, args ...any) error {
	return &bellhop.Error{Kind: bellhop.Invalid, Code: "setting", Setting: "BELLHOP_QUEUE",
		Message: fmt.Sprintf(format, args...) + "; " + accepted}
}

func clip(s string) string { return bellhop.Clip(s, 60) }

// checkName leaves room for the name of the dead-letter queue: SQS takes 80
// characters.
func checkName(name string) error {
	if nameForm.MatchString(name) {
		return nil
	}
	return bellhop.Invalidf("queue_name",
		"%q is not a queue's name: give 1 to 70 letters, digits, - and _, then .fifo for a FIFO queue", clip(name))
}

// fifoSuffix ends the name of each FIFO queue, and of no other; SQS enforces that.
const fifoSuffix = ".fifo"

// NotifyName is [queue.NotifyName] for a name of SQS.
func NotifyName(name string) string {
	base := strings.TrimSuffix(name, fifoSuffix)
	return queue.NotifyName(base) + name[len(base):]
}

func isFIFO(name string) bool { return strings.HasSuffix(name, fifoSuffix) }

// deadName returns the name of the dead-letter queue beside a queue.
func deadName(name string) string {
	base := strings.TrimSuffix(name, fifoSuffix)
	return base + "-dead" + name[len(base):]
}

// url returns bellhop's address of a queue with this URL at SQS.
func (o Options) url(queueURL, region string) (string, error) {
	u, err := url.Parse(queueURL)
	if err != nil {
		return "", fmt.Errorf("read the queue's URL: %w", err)
	}
	query := url.Values{}
	if o.Settings.Endpoint == "" {
		u.Scheme = "sqs"
	} else {
		own, err := url.Parse(o.Settings.Endpoint)
		if err != nil {
			return "", fmt.Errorf("read the endpoint: %w", err)
		}
		u.Scheme, u.Host = "sqs+"+own.Scheme, own.Host
		query.Set("region", region)
	}
	if o.Bucket != "" {
		query.Set("bucket", o.Bucket)
	}
	if o.KMSKey != "" {
		query.Set("kms", o.KMSKey)
	}
	if o.EventBridge {
		query.Set("envelope", "eventbridge")
	}
	if o.Source != "" {
		query.Set("source", o.Source)
	}
	u.RawQuery = query.Encode()
	return u.String(), nil
}
