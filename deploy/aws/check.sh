#!/bin/sh
# Tries the whole on AWS: deploys a stack of its own, sends signed orders, waits for their
# pushes, replays a dead letter, restarts the database while orders come, and takes all down
# again, also after a failure. It ends with what it measured, as Markdown.
#
#   ACCOUNT     the number of the account to deploy to
#   CONFIRM     the stack's name again, to skip the question
#   STACK       bellhop-check unless given; there must be none of that name
#   FCM_FILE    a file with the service account that may send by FCM
#   PHONE_FILE  a file with the FCM registration token that the app on a phone shows; FCM
#               checks the pushes to it, and delivers none
#   PARAMETERS  as for deploy.sh; Push=log does without FCM
#   PATIENCE    how many seconds an order may take to be pushed; 900 unless given
#   KEEP        yes leaves the stack there
#   BELLHOP     the program bellhop, in place of one that is built here
#
# deploy.sh's other settings apply, too. Whoever runs this has to be an administrator.
set -eu
cd "$(dirname "$0")"
me=aws-check
export STACK="${STACK:-bellhop-check}"
. ./stack.sh

# ---- Requirements -----------------------------------------------------------

case ${ACCOUNT:-} in
'' | *[!0-9]*) die "ACCOUNT is '${ACCOUNT:-}': give the number of the account to deploy to" ;;
esac
case ${KEEP:-no} in
yes | no) ;;
*) die "KEEP is '$KEEP': give yes or no" ;;
esac
patience=${PATIENCE:-900}
case $patience in
*[!0-9]*) die "PATIENCE is '$PATIENCE': give a number of seconds" ;;
esac
[ "${SERVER:-}" != off ] || die "SERVER is off, and this reads orders from its API: leave it out"
phone=check
case " ${PARAMETERS:-} " in
*" Push=log "*) FCM_FILE= ;;
*" Push="*) die "PARAMETERS has a Push: leave it out, or give Push=log to do without FCM" ;;
*)
	[ -s "${FCM_FILE:-}" ] && [ -s "${PHONE_FILE:-}" ] ||
		die "FCM_FILE and PHONE_FILE are missing or empty; give both as whole paths, or PARAMETERS=Push=log to do without FCM"
	phone=$(tr -d '\r\n' <"$PHONE_FILE")
	case $phone in
	*[!A-Za-z0-9_:-]*) die "PHONE_FILE holds no FCM registration token: it has other characters than these" ;;
	esac
	PARAMETERS="${PARAMETERS:-} Push=validate"
	;;
esac
for tool in curl ssh ssh-keygen; do
	command -v "$tool" >/dev/null 2>&1 || die "$tool is missing; install it"
done
[ -z "${BELLHOP:-}" ] || [ -x "$BELLHOP" ] || die "'$BELLHOP' can't be run; give a whole path"
[ -n "${BELLHOP:-}" ] || command -v go >/dev/null 2>&1 || die "Go is missing; install it from https://go.dev/dl/"
sign_in
[ "$account" = "$ACCOUNT" ] || die "the aws command is signed in to the account $account, not to $ACCOUNT"
[ -z "$(stack_status)" ] ||
	die "there is a stack $stack, which this would take down: give another STACK, or run make destroy-aws STACK=$stack"

say "this deploys the stack $stack to the account $account and the region $region, and takes it down at its end."
say "That takes hours, and AWS bills it."
if [ -z "${CONFIRM:-}" ]; then
	printf 'Type the name of the stack to go on: '
	read -r CONFIRM || true
fi
[ "$CONFIRM" = "$stack" ] || die "nothing was done"

# ---- What it measures ---------------------------------------------------------

# took SINCE: prints how long ago that was
took() {
	n=$(($(date +%s) - $1))
	[ "$n" -lt 60 ] && echo "$n s" || echo "$((n / 60)) min $((n % 60)) s"
}

# delays FROM TO: prints the seconds between two times of each object, one a line
delays() {
	awk -v from="$1" -v to="$2" '
		function at(name, part) {
			match($0, "\"" name "\":\"[^\"]*")
			split(substr($0, RSTART, RLENGTH), part, "[T:]")
			return part[3] * 3600 + part[4] * 60 + part[5]
		}
		{ n = at(to) - at(from); if (n < -43200) n += 86400; print n }'
}

# middle UNIT: prints the median and the highest of the numbers, one a line
middle() {
	sort -n | awk -v unit="$1" '{ all[NR] = $1 } END {
		if (NR == 1) printf "%.2f %s", all[1], unit
		if (NR > 1) printf "%.2f %s, at most %.2f %s", all[int((NR + 1) / 2)], unit, all[NR], unit
	}'
}

# functions prints a row for each function, from the line that Lambda logs of each call:
# https://docs.aws.amazon.com/lambda/latest/dg/golang-logging.html
functions() {
	for function in accept start record notify direct sweep migrate; do
		ask logs filter-log-events --log-group-name "/aws/lambda/$stack-$function" --filter-pattern '"REPORT RequestId"' \
			--query 'events[].message' --output text >"$work/log" || continue
		tr '\t' '\n' <"$work/log" >"$work/reports"
		echo "| $function | $(grep -c '^Duration:' "$work/reports")" \
			"| $(sed -n 's/^Duration: *\([0-9.]*\).*/\1/p' "$work/reports" | middle ms)" \
			"| $(sed -n 's/^Init Duration: *\([0-9.]*\).*/\1/p' "$work/reports" | middle ms)" \
			"| $(sed -n 's/^Max Memory Used: *\([0-9]*\).*/\1/p' "$work/reports" | sort -n | tail -n 1) MB |"
	done
}

# troubles prints the last warnings and errors of the functions and the server, whose logs go with the stack
troubles() {
	for group in accept start record notify direct sweep migrate server; do
		case $group in server) group=/aws/ec2/$stack-server ;; *) group=/aws/lambda/$stack-$group ;; esac
		ask logs filter-log-events --log-group-name "$group" --filter-pattern '?WARN ?ERROR ?errorType ?"timed out"' \
			--query 'events[].[message]' --output text >"$work/log" || continue
		[ ! -s "$work/log" ] || {
			say "in $group:"
			tail -n 10 "$work/log"
		} >&2
	done
}

report() {
	[ -s "$work/steps" ] || return 0
	printf '\n| step | took |\n|---|---|\n'
	cat "$work/steps"
	if [ -s "$work/orders" ]; then
		printf '\n| orders | Shopify had its answer after | recorded | pushed |\n|---|---|---|---|\n'
		cat "$work/orders"
	fi
	if [ -s "$work/functions" ]; then
		printf '\n| function | calls | took | start-up | memory |\n|---|---|---|---|---|\n'
		cat "$work/functions"
	fi
}

# ---- Its end, whatever comes before ----------------------------------------------

take_down() {
	n=0
	while :; do # what an interrupted deployment began goes on for a while
		status=$(stack_status) || return 1
		case $status in *_IN_PROGRESS) ;; *) break ;; esac
		[ "$n" -lt 240 ] || break
		n=$((n + 1))
		sleep 30
	done
	[ -n "$status" ] || return 0
	begun=$(date +%s)
	database=$(resource Database) || return 1
	key=$(resource KeySecret) || return 1
	CONFIRM=$stack ./destroy.sh || return 1
	# What destroy.sh keeps is made up here.
	for name in "$stack-orders" "$stack-orders-dead"; do
		url=$(queue_url "$name") || return 1
		[ -n "$url" ] || continue
		aws sqs delete-queue --queue-url "$url" || return 1
		sleep 60 # SQS blocks its name for so long
	done
	[ -z "$key" ] || aws secretsmanager delete-secret --secret-id "$key" --force-delete-without-recovery >/dev/null || return 1
	[ -n "$database" ] || return 0
	snapshots=$(ask rds describe-db-snapshots --snapshot-type manual --db-instance-identifier "$database" \
		--query 'DBSnapshots[].DBSnapshotIdentifier' --output text) || return 1
	for snapshot in $snapshots; do
		[ "$snapshot" = None ] || aws rds delete-db-snapshot --db-snapshot-identifier "$snapshot" >/dev/null || return 1
	done
	echo "| taking it down | $(took "$begun") |" >>"$work/steps"
}

sending= # the process that sends orders beside this one
finish() {
	code=$?
	trap - EXIT HUP INT TERM
	if [ -n "$sending" ]; then
		kill "$(cat "$work/pid")" 2>/dev/null || true
		wait "$sending" || true
	fi
	[ "$code" -eq 0 ] || troubles
	if [ "${KEEP:-no}" = yes ]; then
		say "the stack $stack stays; make destroy-aws STACK=$stack takes it down"
	elif ! take_down; then
		say "the stack $stack is not gone; see why above, and run make destroy-aws STACK=$stack"
		code=1
	fi
	report
	rm -rf "$work"
	exit "$code"
}
trap finish EXIT

# ---- Deploy -----------------------------------------------------------------

program=${BELLHOP:-$work/bellhop}
[ -n "${BELLHOP:-}" ] || (cd ../.. && go build -o "$program" ./cmd/bellhop)
bellhop() { (
	unset BELLHOP_BOOTSTRAP BELLHOP_SERVER # which are deploy.sh's
	exec sh -c 'echo $$ >"$0"; exec "$@"' "$work/pid" "$program" "$@"
); }
shop=bellhop-check.myshopify.com
BELLHOP_SHOPIFY_SECRET=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
printf '%s' "$BELLHOP_SHOPIFY_SECRET" >"$work/shopify"
begun=$(date +%s)
SHOPS=$shop SHOPIFY_SECRET_FILE=$work/shopify FCM_FILE=${FCM_FILE:-} PARAMETERS=${PARAMETERS:-} IMPORT=no \
	./deploy.sh || die "the deployment failed"
echo "| deploying | $(took "$begun") |" >>"$work/steps"

output() {
	ask cloudformation describe-stacks --stack-name "$stack" --query "Stacks[0].Outputs[?OutputKey=='$1'].OutputValue" \
		--output text || die "can't read the stack's outputs: $(refused)"
}
webhooks=$(output WebhookURL) console=$(output Console) machine=$(output ServerMachine)
BELLHOP_QUEUE=$(output Queue)
BELLHOP_DIR=$work/data
export BELLHOP_SHOPIFY_SECRET BELLHOP_QUEUE BELLHOP_DIR
database=$(resource Database)

# ---- A phone ------------------------------------------------------------------

say "adding a phone"
ssh-keygen -q -t ed25519 -N '' -f "$work/key"
aws ec2-instance-connect send-ssh-public-key --instance-id "$machine" --instance-os-user ec2-user \
	--ssh-public-key "file://$work/key.pub" >/dev/null
token=$(ssh -i "$work/key" -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=accept-new \
	-o "UserKnownHostsFile=$work/hosts" -o "ProxyCommand=aws ec2-instance-connect open-tunnel --instance-id $machine" \
	"ec2-user@$machine" sudo as-bellhop token create --shop "$shop" --name check --json |
	sed -n 's/.*"token": *"\([^"]*\)".*/\1/p')
[ -n "$token" ] || die "the server gives no token"
printf 'Authorization: Bearer %s\n' "$token" >"$work/bearer"
# api PATH...: calls the API
api() {
	path=$1
	shift
	curl -fsS --max-time 30 -H "@$work/bearer" "$@" "$console$path"
}
printf '{"kind":"token","value":"%s","platform":"android","form":"data"}' "$phone" >"$work/phone"
api /v1/devices/check --retry 20 --retry-delay 5 --retry-all-errors -X PUT -H 'Content-Type: application/json' \
	--data "@$work/phone" >/dev/null || die "the API takes no phone"

# ---- Orders ---------------------------------------------------------------------

# send SEED FLAGS...: sends orders as Shopify does, but tries again sooner, 8 times in 12 minutes.
# The same seed makes the same orders; none of these is too old to ring.
send() {
	seed=$1
	shift
	bellhop simulate shopify --target "$webhooks" --remote-ok --shop "$shop" --seed "$seed" --time-scale 0.05 \
		--ledger "$work/ledger-$seed" "$@" >"$work/sent-$seed" 2>&1 || {
		tail -n 1 "$work/sent-$seed" >&2
		die "not all webhooks were taken"
	}
}

total=0
: >"$work/all"
# pushed WHAT SEED N: waits until N more orders are pushed, and measures them
pushed() {
	total=$((total + $3))
	deadline=$(($(date +%s) + patience))
	until api "/v1/orders?limit=100" >"$work/page" && grep -o '"trace":{[^}]*}' "$work/page" >"$work/all" &&
		[ "$(wc -l <"$work/all")" -ge "$total" ] && [ "$(grep -c '"pushed_at":"' "$work/all")" -ge "$total" ]; do
		[ "$(date +%s)" -lt "$deadline" ] ||
			die "$1: of $total orders $(wc -l <"$work/all" | tr -d ' ') are recorded and" \
				"$(grep -c '"pushed_at":"' "$work/all") pushed, $patience s after they were sent;" \
				"pushes say:$(api "/v1/pushes?limit=200" | grep -o '"reason":"[^"]*"' | sort | uniq -c | tr -s ' \n' ' ')"
		sleep 2
	done
	head -n "$3" "$work/all" >"$work/traces" # the newest come first
	grep -o '"ack_seconds":[0-9.e-]*' "$work/ledger-$2" | cut -d : -f 2 >"$work/answers"
	echo "| $1 | $(middle s <"$work/answers") | $(delays accepted_at recorded_at <"$work/traces" | middle s)" \
		"| $(delays accepted_at pushed_at <"$work/traces" | middle s) |" >>"$work/orders"
}

say "sending a first order, then 20"
send 11 --orders 1
pushed "the first" 11 1
send 12 --orders 20 --rate 2/s
pushed "20, two a second" 12 20

# died WAS: waits for a dead letter that did not die at that time, and sets died to when it did
died() {
	deadline=$(($(date +%s) + patience))
	until bellhop dead ls --json >"$work/dead" && died=$(sed -n 's/.*"died_at":"\([^"]*\)".*/\1/p' "$work/dead") &&
		[ -n "$died" ] && [ "$died" != "$1" ]; do
		[ "$(date +%s)" -lt "$deadline" ] || die "there is no dead letter $patience s later"
		sleep 2
	done
}

# The one of three webhooks that makes no sense dies; replayed, it has to die again.
say "making a dead letter, and replaying it"
send 1 --orders 2 --poison 50%
died ''
echo "| until a webhook that makes no sense was a dead letter" \
	"| $(delays accepted_at died_at <"$work/dead" | middle s) |" >>"$work/steps"
pushed "2, beside one that makes no sense" 1 2
begun=$(date +%s)
bellhop dead replay --all >/dev/null
died "$died"
echo "| until it was one again, replayed | $(took "$begun") |" >>"$work/steps"

say "restarting the database while 60 orders come"
aws rds wait db-instance-available --db-instance-identifier "$database"
send 14 --orders 60 --rate 1/s &
sending=$!
sleep 5
aws rds reboot-db-instance --db-instance-identifier "$database" >/dev/null
wait "$sending" && sending= || { sending= && exit 1; }
pushed "60, one a second, while the database restarts" 14 60

functions >"$work/functions"
say "all $total orders are recorded and pushed; none is lost"
