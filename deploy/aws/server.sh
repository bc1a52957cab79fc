# The part of deploy.sh that is about the server for API and console. deploy.sh reads this file.
# shellcheck shell=sh

# server_settings looks at what is given, before anything asks AWS.
server_settings() {
	case ${SERVER:-off} in
	off) ;;
	*[!a-z0-9.-]* | .* | *.) die "SERVER is '$SERVER': give off, or an instance type such as t4g.nano" ;;
	*.*) ;;
	*) die "SERVER is '$SERVER': give off, or an instance type such as t4g.nano" ;;
	esac
	case ${DOMAIN:-a.b} in
	*[!a-z0-9.-]* | .* | *. | *..*) die "DOMAIN is '$DOMAIN': give a name such as bellhop.example.com" ;;
	*.*) ;;
	*) die "DOMAIN is '$DOMAIN': give a name such as bellhop.example.com" ;;
	esac
	case ${CERTIFICATE:-arn:aws:acm:us-east-1:} in
	arn:*:acm:us-east-1:*) ;;
	*) die "CERTIFICATE is '$CERTIFICATE': give the ARN of a certificate in us-east-1, where CloudFront takes them from" ;;
	esac
	for given in ${PARAMETERS:-}; do
		case $given in
		Server* | Domain=* | Certificate=* | HostedZone=* | CloudFrontAddresses=*)
			die "${given%%=*} can't be in PARAMETERS: give SERVER, DOMAIN, CERTIFICATE or HOSTED_ZONE" ;;
		esac
	done
	[ -z "${BELLHOP_SERVER:-}" ] || [ -s "$BELLHOP_SERVER" ] || die "'$BELLHOP_SERVER' is missing or empty; give a whole path"
}

# server_look finds out which server is wanted, and all that it needs of AWS. It sets machine (off, or
# the instance type), side and program (where the server of now is, and what it runs), and first, unless empty, if
# there is none.
server_look() {
	side=$(stacked ServerSide || true)
	program=$(stacked ServerProgram || true)
	first=
	case ${side:-none} in none) first=yes ;; esac
	machine=${SERVER:-}
	if [ -z "$machine" ]; then
		machine=$(stacked Server || true)
		[ -z "$first" ] || machine=off
		[ -n "$migrate" ] || machine=t4g.nano
	fi
	if [ "$machine" = off ]; then
		[ -z "${DOMAIN:-}${CERTIFICATE:-}${HOSTED_ZONE:-}" ] || die "a domain needs a server; give SERVER=t4g.nano, too"
		return
	fi
	architecture=$(ask ec2 describe-instance-types --instance-types "$machine" --output text \
		--query 'InstanceTypes[0].ProcessorInfo.SupportedArchitectures[0]') ||
		die "can't look for the instance type $machine: $(refused)"
	[ "$architecture" = arm64 ] || die "SERVER is '$machine', which is for $architecture; give one for arm64, such as t4g.nano"
	image=$(ask ssm get-parameter --name /aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64 \
		--query Parameter.Value --output text) || die "can't look for the image of Amazon Linux 2023: $(refused)"
	addresses=$(ask ec2 describe-managed-prefix-lists --query 'PrefixLists[0].PrefixListId' --output text \
		--filters Name=prefix-list-name,Values=com.amazonaws.global.cloudfront.origin-facing) ||
		die "can't look for CloudFront's addresses: $(refused)"
	[ "$addresses" != None ] || die "the region $region has no list of CloudFront's addresses; give SERVER=off"
	server_domain
}

# server_domain checks that the certificate is for the domain and in force, and the zone the domain's.
server_domain() {
	domain=${DOMAIN:-$(stacked Domain || true)}
	certificate=${CERTIFICATE:-$(stacked Certificate || true)}
	zone=${HOSTED_ZONE:-$(stacked HostedZone || true)}
	if [ -z "$domain" ]; then
		[ -z "$certificate$zone" ] || die "CERTIFICATE and HOSTED_ZONE are for a DOMAIN; give that, too"
		return
	fi
	[ -n "$certificate" ] || die "DOMAIN needs a CERTIFICATE in us-east-1; docs/aws.md says how to get one"
	found=$(ask acm describe-certificate --region us-east-1 --certificate-arn "$certificate" --output text \
		--query 'Certificate.[Status,SubjectAlternativeNames[]][]') || die "can't look at the certificate: $(refused)"
	in_force= fits=
	for word in $(printf '%s' "$found" | tr '*' '@'); do # no file name matches here
		case $word in
		ISSUED) in_force=yes ;;
		"$domain" | "@.${domain#*.}") fits=yes ;;
		esac
	done
	[ -n "$in_force" ] || die "the certificate is not issued yet; make the DNS record that it asks for, and wait"
	[ -n "$fits" ] || die "the certificate is not for $domain"
	[ -n "$zone" ] || return 0
	name=$(ask route53 get-hosted-zone --id "$zone" --query HostedZone.Name --output text) ||
		die "can't look at the hosted zone $zone: $(refused)"
	case $domain. in
	"$name" | *".$name") ;;
	*) die "the hosted zone $zone is that of ${name%.}, not of $domain" ;;
	esac
}

digest() {
	if command -v sha256sum >/dev/null 2>&1; then sha256sum; else shasum -a 256; fi | cut -c 1-16
}

# server_build makes the archive, and sets server to the parameters to change. Whatever changes the
# server, a newer image with it, makes a new one in the other place.
server_build() {
	server=
	if [ "$machine" = off ]; then
		[ -n "$first" ] || server=ServerSide=none
		return
	fi
	say "building the server"
	rm -rf build-server
	mkdir build-server
	if [ -n "${BELLHOP_SERVER:-}" ]; then
		cp "$BELLHOP_SERVER" build-server/bellhop
	else
		make -s -C ../.. server
	fi
	cp server/* ../systemd/bellhop-serve@.service ../systemd/sysusers.conf build/rds.pem build-server
	archive=$stack/server/$({
		cat build-server/* bellhop.yaml
		echo "$machine $image"
	} | digest).tar.gz
	server="Domain=$domain Certificate=$certificate HostedZone=$zone CloudFrontAddresses=$addresses"
	[ "$bucket/$archive" != "$program" ] || [ -n "$first" ] || return 0
	case $side in a) side=b ;; *) side=a ;; esac
	server="$server Server=$machine ServerSide=$side ServerProgram=$bucket/$archive ServerImage=$image"
	COPYFILE_DISABLE=1 tar -czf "$work/server.tar.gz" -C build-server .
}

# server_upload puts a new archive into the bucket.
server_upload() {
	[ ! -e "$work/server.tar.gz" ] || aws s3api put-object --bucket "$bucket" --expected-bucket-owner "$account" \
		--key "$archive" --body "$work/server.tar.gz" >/dev/null
}

# server_done removes archives that no server needs any more, and says where the server is.
server_done() {
	[ "$machine" != off ] || return 0
	aws s3 rm "s3://$bucket/$stack/server/" --recursive --only-show-errors --exclude "${archive##*/}"
	say "API and console are at:"
	say "  $(output Console)"
	[ -z "$domain" ] || [ -n "$zone" ] || say "$domain needs a CNAME record: $(output ConsoleName)"
}
