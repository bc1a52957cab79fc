# What deploy.sh asks of the account and the region before it changes anything.
# shellcheck shell=sh

# setting NAME: a parameter's value: as given, else as the stack has it, else the
# template's default
setting() {
	value=$(sed -n "/^  $1:\$/,/Default:/s/^ *Default: *//p" bellhop.yaml | tr -d '"')
	stacked "$1" >/dev/null && value=$(stacked "$1")
	for word in ${MODE:+"Mode=$MODE"} ${PARAMETERS:-}; do
		case $word in "$1="*) value=${word#*=} ;; esac
	done
	printf '%s\n' "$value"
}

# given NAME: whether PARAMETERS names it
given() { case " ${PARAMETERS:-} " in *" $1="*) ;; *) return 1 ;; esac; }

# stacked NAME: the value that the stack has; fails without one
stacked() {
	[ -n "$migrate" ] && printf '%s\n' "$parameters" |
		awk -F '\t' -v name="$1" '$1 == name { print $2; found = 1 } END { exit !found }'
}

# Lambda has no function URLs in the regions that
# https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html names, nor in
# https://docs.aws.amazon.com/govcloud-us/latest/UserGuide/govcloud-lambda.html and
# https://docs.amazonaws.cn/en_us/aws/latest/userguide/lambda.html
check_region() {
	case $region in
	cn-* | us-gov-* | ap-east-2 | ap-south-2 | ap-southeast-[4-7] | ca-west-1 | eu-central-2 | eu-south-2 | il-central-1 | me-central-1)
		die "Lambda has no function URLs in $region, and Shopify needs one; set AWS_REGION to another region, such as us-east-1" ;;
	esac
}

# choose_sizes reads the account's limit of concurrent executions, of which a new
# account has 10. Orders should leave half of it to webhooks: one over the limit is
# refused. A first deployment to a small account gets smaller sizes, unless sizes are given.
choose_sizes() {
	limits=$(ask lambda get-account-settings --output text \
		--query 'AccountLimit.[ConcurrentExecutions,UnreservedConcurrentExecutions]') ||
		die "can't read the account's limit of concurrent executions: $(refused)"
	limit=${limits%%[!0-9]*} unreserved=${limits##*[!0-9]}
	more=https://docs.aws.amazon.com/servicequotas/latest/userguide/request-quota-increase.html

	# Lambda keeps 100 for functions that reserve none
	# (https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html).
	new=$(reserved setting) old=0
	[ -z "$migrate" ] || old=$(reserved stacked)
	free=$((unreserved + old - new))
	[ "$new" -le "$old" ] || [ "$free" -ge 100 ] ||
		die "AcceptConcurrency and RecordConcurrency reserve $new of the account's $limit concurrent executions, and 100 must stay unreserved; ask for more: $more"

	# Nothing else bounds the executions of mode standard, and their connections to the database.
	bound=
	case $(setting Mode):$(setting RecordConcurrency) in
	standard:0)
		given RecordConcurrency || [ "$free" -lt 140 ] || {
			bound=RecordConcurrency=20
			free=$((free - 40))
		}
		;;
	esac
	PARAMETERS="$bound ${PARAMETERS:-}"

	sizes=
	[ -n "$migrate" ] || given Consumers || given BatchSize || [ $(($(at_once) * 2)) -le "$free" ] ||
		sizes="Consumers=2 BatchSize=1"
	PARAMETERS="$sizes ${PARAMETERS:-}"
}

# tell_sizes says what choose_sizes chose, and what may still go wrong.
tell_sizes() {
	[ -z "$bound" ] || say "deploying $bound: nothing else bounds the executions of mode standard"
	[ -z "$sizes" ] ||
		say "the account runs only $limit functions at once: deploying $sizes, which leaves half of them to webhooks; ask for more: $more"
	busy=$(at_once)
	case $(setting Mode):$(setting RecordConcurrency) in
	standard:0) busy=$free ;; # nothing bounds executions
	esac
	case $(setting AcceptConcurrency) in
	0) say "warning: AcceptConcurrency is 0: every webhook is refused" ;;
	-1)
		[ $((busy * 2)) -le "$free" ] ||
			say "warning: orders may take $busy of the $free functions that the account runs at once, and webhooks over the limit are refused; lower Consumers, set AcceptConcurrency or RecordConcurrency, or ask for more: $more" ;;
	esac
}

# reserved HOW: what all functions reserve by the values that HOW (setting or stacked) tells
reserved() {
	accept=$($1 AcceptConcurrency) || accept=-1 # a stack of an older template
	[ "$accept" != -1 ] || accept=0
	record=$($1 RecordConcurrency)
	[ "$($1 Mode)" != direct ] || record=0
	echo $((accept + 2 * record))
}

# at_once: how many functions that reserve nothing work on orders at once. An
# execution runs record and notify one after the other. sweep adds one.
at_once() {
	consumers=$(setting Consumers) executions=0
	case $(setting Mode):$(setting RecordConcurrency) in
	express:0 | standard:0) executions=$((consumers * $(setting BatchSize))) ;;
	esac
	echo $((consumers + executions + 1))
}

# begin_from looks at the snapshot that a new database begins from: the database needs its
# size at least, and its version or a later one.
begin_from() {
	snapshot=$(setting DatabaseSnapshot)
	if [ -n "$migrate" ]; then
		old=$(stacked DatabaseSnapshot) || old= # a stack of an older template
		[ "$snapshot" = "$old" ] ||
			die "DatabaseSnapshot would replace the stack's database: leave it out, or give another STACK"
		return
	fi
	[ -n "$snapshot" ] || return 0
	found=$(ask rds describe-db-snapshots --db-snapshot-identifier "$snapshot" --output text \
		--query 'DBSnapshots[0].[Status,Engine,MasterUsername,Encrypted,AllocatedStorage,EngineVersion]') ||
		die "can't look at the snapshot $snapshot: $(refused)"
	# shellcheck disable=SC2086 # words
	set -- $found
	[ "$1" = available ] || die "the snapshot $snapshot is $1; wait until it is available"
	[ "$2 $3 $4" = "postgres bellhop True" ] ||
		die "the snapshot $snapshot is not of a stack's database: that is PostgreSQL, encrypted, and belongs to bellhop"
	given DatabaseStorage || PARAMETERS="DatabaseStorage=$5 ${PARAMETERS:-}"
	given PostgresVersion || PARAMETERS="PostgresVersion=${6%%.*} ${PARAMETERS:-}"
	[ "$(setting DatabaseStorage)" -ge "$5" ] || die "the snapshot $snapshot has $5 GB: give no smaller DatabaseStorage"
	[ "$(setting PostgresVersion)" -ge "${6%%.*}" ] ||
		die "the snapshot $snapshot is of PostgreSQL ${6%%.*}: give no older PostgresVersion"
}

# choose_zones puts the network into two zones that have all that runs there; a stack
# keeps its zones. CloudFormation's own list has zones that lack some. Nothing lists the
# zones of Lambda's functions; those of its endpoint stand for them.
choose_zones() {
	class=$(setting DatabaseClass) version=$(setting PostgresVersion)
	instance=${SERVER:-off}
	[ "$instance" != off ] || instance=t4g.nano # one may be wanted later
	if [ -n "$migrate" ]; then
		check_changes
		return
	fi
	find_database
	find_machines
	open=$(ask ec2 describe-availability-zones --filters Name=state,Values=available Name=zone-type,Values=availability-zone \
		--query 'AvailabilityZones[].[ZoneName,ZoneId]' --output text) &&
		lambda=$(ask ec2 describe-vpc-endpoint-services --service-names "com.amazonaws.$region.lambda" \
			--query 'ServiceDetails[0].AvailabilityZones' --output text) ||
		die "can't read the zones of $region: $(refused)"
	# CloudFront reaches no server in these, and the server is in ZoneA
	# (https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-vpc-origins.html).
	apart=$(printf '%s\n' "$open" | awk '$2 ~ /^(use1-az3|usw1-az2|cac1-az3|apne1-az3|apne2-az1)$/ { print $1 }')
	zones=$({
		printf '%s\n' "$open" | awk '{ print $1 }'
		for list in "$lambda" "$machines" "$database"; do
			printf '%s\n' "$list" | tr '\t' '\n' | sort -u
		done
	} | sort | uniq -c | awk '$1 == 4 { printf "%s ", $2 }')
	if given ZoneA || given ZoneB; then
		check_zones
		return
	fi
	# shellcheck disable=SC2086 # words
	set -- $zones
	[ $# -ge 2 ] || die "$region has ${1:-no zone} alone with Lambda, $class and $instance, and bellhop needs two such zones; choose another region or DatabaseClass"
	[ "$1" != "$apart" ] || set -- "$2" "$1"
	PARAMETERS="ZoneA=$1 ZoneB=$2 ${PARAMETERS:-}"
}

# check_changes looks at what the stack can't become.
check_changes() {
	for name in ZoneA ZoneB; do
		[ "$(setting $name)" = "$(stacked $name)" ] || die "a stack's zones can't be changed: leave out $name"
	done
	[ "$version" -ge "$(stacked PostgresVersion)" ] ||
		die "PostgreSQL can't go back from $(stacked PostgresVersion) to $version: leave out PostgresVersion"
	support=$(stacked ExtendedSupport) || { # a stack of an older template, which left it on
		support=on
		given ExtendedSupport || PARAMETERS="ExtendedSupport=on ${PARAMETERS:-}"
	}
	[ "$(setting ExtendedSupport)" = "$support" ] ||
		die "ExtendedSupport is decided when the database is made, and is $support: leave it out"
	[ "$class $version" = "$(stacked DatabaseClass) $(stacked PostgresVersion)" ] || find_database
	[ "${SERVER:-off}" != off ] || return 0
	find_machines
	home=$(stacked ZoneA) && [ -n "$home" ] || return 0
	printf '%s\n' "$machines" | tr '\t' '\n' | grep -qx "$home" ||
		die "EC2 offers no $instance in $home, where the stack has its server; give another SERVER"
}

# check_zones looks at the zones that are given.
check_zones() {
	for name in ZoneA ZoneB; do
		case " $zones" in *" $(setting $name) "*) ;; *)
			die "$name is '$(setting $name)': of the zones of $region, these have all that bellhop needs: ${zones:-none}" ;;
		esac
	done
	[ "$(setting ZoneA)" != "$(setting ZoneB)" ] || die "ZoneA and ZoneB are the same; give two of: $zones"
	[ "$(setting ZoneA)" != "$apart" ] || [ "${SERVER:-}" = off ] ||
		die "CloudFront reaches no server in $apart; give it as ZoneB, or SERVER=off"
}

# find_database sets database to the zones where RDS offers the class with the version.
find_database() {
	database=$(ask rds describe-orderable-db-instance-options --engine postgres --db-instance-class "$class" --vpc --output text \
		--query "OrderableDBInstanceOptions[?starts_with(EngineVersion, '$version.') && StorageType=='gp3'].AvailabilityZones[].Name") ||
		die "can't ask where RDS offers $class: $(refused)"
	[ -n "$database" ] ||
		die "RDS offers no $class with PostgreSQL $version in $region; give another DatabaseClass or PostgresVersion in PARAMETERS"
}

# find_machines sets machines to the zones where EC2 offers the server's instance type.
find_machines() {
	machines=$(ask ec2 describe-instance-type-offerings --location-type availability-zone --output text \
		--filters "Name=instance-type,Values=$instance" --query 'InstanceTypeOfferings[].Location') ||
		die "can't ask where EC2 offers $instance: $(refused)"
}

# check_networks refuses a new stack where the account may have no further network, of
# which it has five a region at first
# (https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html).
check_networks() {
	networks=$(ask ec2 describe-vpcs --query 'length(Vpcs)' --output text) &&
		most=$(ask service-quotas get-service-quota --service-code vpc --quota-code L-F678F1CE --query Quota.Value \
			--output text) || die "can't count the networks in $region: $(refused)"
	[ "$networks" -lt "${most%.*}" ] ||
		die "the account has $networks of the ${most%.*} networks that it may have in $region: delete one, or ask for more: $more"
}
