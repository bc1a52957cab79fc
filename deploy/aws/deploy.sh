#!/bin/sh
# Deploys bellhop to AWS, or updates it. docs/aws.md walks through it.
#
#   STACK                bellhop unless given; several can be in one account
#   MODE                 express, standard or direct
#   EMAIL                the address for alarms
#   SHOPS                shops to add, such as "a.myshopify.com b.myshopify.com"
#   SHOPIFY_SECRET_FILE  a file with the Shopify app's client secret
#   FCM_FILE             a file with the service account that may send by FCM
#   PARAMETERS           any others of bellhop.yaml, such as "Consumers=8 MultiAZ=true"
#   BELLHOP_BOOTSTRAP    the functions' program, in place of one that is built here
#
# Settings that you don't give stay as they are. The account and the region are the
# aws command's.
set -eu
cd "$(dirname "$0")"
stack=${STACK:-bellhop}

say() { printf '%s\n' "bellhop: $*"; }
die() {
	printf '%s\n' "deploy-aws: $*" >&2
	exit 1
}

# ---- Requirements -----------------------------------------------------------

command -v aws >/dev/null 2>&1 || die "the aws command is missing; install it from https://aws.amazon.com/cli/"
case $stack in
'' | [!a-z]* | *[!a-z0-9-]* | ????????????????????????????????*)
	die "STACK is '$stack': give at most 31 of a-z, 0-9 and -, beginning with a letter" ;;
esac
case ${MODE:-express} in
express | standard | direct) ;;
*) die "MODE is '$MODE': give express, standard or direct" ;;
esac
for shop in ${SHOPS:-}; do
	case $shop in
	*[!a-z0-9.-]* | .*) die "'$shop' in SHOPS is no shop: give NAME.myshopify.com" ;;
	*.myshopify.com) ;;
	*) die "'$shop' in SHOPS is no shop: give NAME.myshopify.com" ;;
	esac
done
for file in "${SHOPIFY_SECRET_FILE:-}" "${FCM_FILE:-}"; do
	[ -z "$file" ] || [ -s "$file" ] || die "'$file' is missing or empty; give a whole path"
done
[ -z "${FCM_FILE:-}" ] || grep -q '"private_key"' "$FCM_FILE" ||
	die "FCM_FILE holds no private_key: make a service account's key in the Firebase console"
account=$(aws sts get-caller-identity --query Account --output text) ||
	die "the aws command can't sign in; run aws configure, or set AWS_PROFILE"
region=${AWS_REGION:-${AWS_DEFAULT_REGION:-$(aws configure get region || true)}}
[ -n "$region" ] || die "no region is set; set AWS_REGION, such as us-east-1"
export AWS_REGION="$region" AWS_DEFAULT_REGION="$region" AWS_PAGER=

status=$(aws cloudformation describe-stacks --stack-name "$stack" --query 'Stacks[0].StackStatus' --output text 2>/dev/null || true)
case $status in
ROLLBACK_COMPLETE | ROLLBACK_FAILED | DELETE_FAILED)
	die "the stack $stack is $status and can't be updated; run make destroy-aws STACK=$stack, then this again" ;;
*_IN_PROGRESS) die "the stack $stack is $status; wait until that is over" ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
umask 077

# ---- Build ------------------------------------------------------------------

say "building the functions"
mkdir -p build
chmod 755 build
if [ -n "${BELLHOP_BOOTSTRAP:-}" ]; then
	cp "$BELLHOP_BOOTSTRAP" build/bootstrap
else
	make -s -C ../.. lambda
fi

# RDS's own authority issues the database's certificate, and no system knows it.
[ -s build/rds.pem ] || curl -fsS -o build/rds.pem https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem ||
	die "RDS's certificates can't be fetched; put global-bundle.pem into deploy/aws/build/rds.pem"
grep -q 'BEGIN CERTIFICATE' build/rds.pem || die "deploy/aws/build/rds.pem holds no certificates; delete it, then run this again"

# The same content makes the same archive, so that an unchanged function stays.
chmod 755 build/bootstrap
chmod 644 build/rds.pem
TZ=UTC touch -t 200001010000 build/bootstrap build/rds.pem

# ---- Upload -----------------------------------------------------------------

bucket=bellhop-deploy-$account-$region
aws s3api head-bucket --bucket "$bucket" >/dev/null 2>&1 || aws s3 mb "s3://$bucket" >/dev/null
aws cloudformation package --template-file bellhop.yaml --s3-bucket "$bucket" --s3-prefix "$stack" \
	--output-template-file "$work/packaged.yaml" >/dev/null

# ---- Deploy -----------------------------------------------------------------

# invoke PAYLOAD: runs the function migrate
invoke() {
	printf '%s' "$1" >"$work/payload"
	error=$(aws lambda invoke --function-name "$stack-migrate" --payload "fileb://$work/payload" --cli-read-timeout 320 \
		--query FunctionError --output text "$work/answer")
	[ "$error" = None ] || die "migrate says: $(cat "$work/answer")"
	say "migrate says: $(cat "$work/answer")"
}

# The new schema goes in before the new code: the previous code works with each of
# its changes.
if [ -n "$status" ]; then
	say "bringing the database up to date"
	key=$(sed -n 's/^ *S3Key: *//p' "$work/packaged.yaml" | head -n 1)
	[ -n "$key" ] || die "the packaged template names no code"
	aws lambda update-function-code --function-name "$stack-migrate" --s3-bucket "$bucket" --s3-key "$key" >/dev/null
	aws lambda wait function-updated --function-name "$stack-migrate"
	invoke '{}'
fi

set --
[ -z "${MODE:-}" ] || set -- "$@" "Mode=$MODE"
[ -z "${EMAIL:-}" ] || set -- "$@" "Email=$EMAIL"
for parameter in ${PARAMETERS:-}; do
	set -- "$@" "$parameter"
done
[ $# -eq 0 ] || set -- --parameter-overrides "$@"
say "deploying the stack $stack to $region; the first time takes about a quarter of an hour"
aws cloudformation deploy --stack-name "$stack" --template-file "$work/packaged.yaml" --s3-bucket "$bucket" --s3-prefix "$stack" \
	--capabilities CAPABILITY_IAM --no-fail-on-empty-changeset --tags "bellhop=$stack" "$@"

output() {
	aws cloudformation describe-stacks --stack-name "$stack" --query "Stacks[0].Outputs[?OutputKey=='$1'].OutputValue" --output text
}

# ---- Secrets and shops ------------------------------------------------------

if [ -n "${SHOPIFY_SECRET_FILE:-}" ]; then
	tr -d '\r\n' <"$SHOPIFY_SECRET_FILE" >"$work/secret"
	aws secretsmanager put-secret-value --secret-id "$(output ShopifySecret)" --secret-string "file://$work/secret" >/dev/null
	say "put Shopify's secret in"
fi
if [ -n "${FCM_FILE:-}" ]; then
	aws secretsmanager put-secret-value --secret-id "$(output PushSecret)" --secret-string "file://$FCM_FILE" >/dev/null
	say "put FCM's service account in"
fi
shops=
for shop in ${SHOPS:-}; do
	shops="$shops${shops:+,}\"$shop\""
done
invoke "{\"shops\":[$shops]}"

say "done. Shopify sends its webhooks to:"
say "  $(output WebhookURL)"
if [ -z "$status" ]; then
	[ -n "${SHOPIFY_SECRET_FILE:-}" ] || say "next: make deploy-aws STACK=$stack SHOPIFY_SECRET_FILE=/path/to/the/secret"
	[ -n "${FCM_FILE:-}" ] || say "next: make deploy-aws STACK=$stack FCM_FILE=/path/to/service-account.json (or PARAMETERS=Push=log)"
fi
