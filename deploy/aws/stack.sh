# What deploy.sh and destroy.sh both ask of AWS. They set $me and read this file.
# shellcheck shell=sh

stack=${STACK:-bellhop}

say() { printf '%s\n' "bellhop: $*"; }
die() {
	printf '%s\n' "$me: $*" >&2
	exit 1
}

command -v aws >/dev/null 2>&1 || die "the aws command is missing; install it from https://aws.amazon.com/cli/"
case $(aws --version 2>&1) in
aws-cli/1.*) die "the aws command is version 1; install version 2 from https://aws.amazon.com/cli/" ;;
esac
case $stack in
'' | [!a-z]* | *[!a-z0-9-]* | ????????????????????????????????*)
	die "STACK is '$stack': give at most 31 of a-z, 0-9 and -, beginning with a letter" ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
umask 077

# refused prints what AWS said to the last call of ask, as one line.
refused() { tr -s '\n' ' ' <"$work/refused" | sed 's/^ *//; s/ *$//'; }

# ask WORDS...: calls AWS. A refusal is kept for refused.
ask() { aws "$@" 2>"$work/refused"; }

# CloudFormation tells a stack or a resource that is missing from other faults by its words alone.
no_such_thing() { grep -q 'ValidationError.*does not exist' "$work/refused"; }

# sign_in sets the account and the region.
sign_in() {
	export AWS_PAGER=
	region=${AWS_REGION:-${AWS_DEFAULT_REGION:-$(ask configure get region || true)}}
	[ -n "$region" ] || die "no region is set; set AWS_REGION, such as us-east-1"
	export AWS_REGION="$region" AWS_DEFAULT_REGION="$region"
	account=$(ask sts get-caller-identity --query Account --output text) ||
		die "the aws command can't sign in; run aws configure, or set AWS_PROFILE: $(refused)"
	bucket=bellhop-deploy-$account-$region
}

# stack_status prints the stack's status, or nothing if there is none. One that is under
# review counts as none: it has no resource, since nobody executed the change set that made it.
stack_status() {
	if found=$(ask cloudformation describe-stacks --stack-name "$stack" --query 'Stacks[0].StackStatus' \
		--output text); then
		[ "$found" = REVIEW_IN_PROGRESS ] || printf '%s' "$found"
	else
		no_such_thing || die "can't look for the stack $stack: $(refused)"
	fi
}

# resource NAME: prints the id of a resource of the stack, or nothing if the stack has
# none, or has it no more. A stack whose first deployment failed has resources, but no outputs.
resource() {
	if found=$(ask cloudformation describe-stack-resource --stack-name "$stack" --logical-resource-id "$1" \
		--query 'StackResourceDetail.[ResourceStatus,PhysicalResourceId]' --output text); then
		printf '%s\n' "$found" | awk '$1 != "DELETE_COMPLETE" && $2 != "None" { print $2 }'
	else
		no_such_thing || die "can't look for $1 of the stack $stack: $(refused)"
	fi
}

no_queue() { grep -q 'NonExistentQueue\|QueueDoesNotExist' "$work/refused"; }

# queue_url NAME: prints a queue's URL, or nothing if there is none of that name
queue_url() {
	ask sqs get-queue-url --queue-name "$1" --query QueueUrl --output text ||
		no_queue || die "can't look for the queue $1: $(refused)"
}

# messages URL: prints how many messages are in a queue, leased or not, or nothing if it is gone
messages() {
	if counts=$(ask sqs get-queue-attributes --queue-url "$1" --output text --query 'Attributes.*' --attribute-names \
		ApproximateNumberOfMessages ApproximateNumberOfMessagesNotVisible ApproximateNumberOfMessagesDelayed); then
		printf '%s\n' "$counts" | tr '\t' '\n' | awk '{ n += $1 } END { print n + 0 }'
	else
		no_queue || die "can't count the messages of $1: $(refused)"
	fi
}

# bucket_status prints "ours", or nothing if the bucket for deployments is not there. Its name
# can be guessed, and buckets of all accounts share their names: whoever else has it would get our code.
bucket_status() {
	if ask s3api head-bucket --bucket "$bucket" --expected-bucket-owner "$account" >"$work/head"; then
		echo ours
	else
		grep -q '(404)' "$work/refused" ||
			die "the bucket $bucket belongs to another account, or you may not look at it: $(refused)"
	fi
}

# failures SINCE: prints what went wrong with the stack since then, the first thing last
failures() {
	aws cloudformation describe-stack-events --stack-name "$stack" --output text --query "StackEvents[?Timestamp>='$1' &&
		ends_with(ResourceStatus,'_FAILED') && ResourceType!='AWS::CloudFormation::Stack' &&
		!contains(ResourceStatusReason || '','cancelled')].[LogicalResourceId,ResourceStatusReason]" |
		head -n 20 | sed 's/^/  /' >&2
}
now() { date -u +%Y-%m-%dT%H:%M:%S; }
