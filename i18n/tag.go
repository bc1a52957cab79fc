package i18n

import (
	"regexp"
	"strings"

	"golang.org/x/text/language"
)

// maxTag is more than a locale of any phone has.
const maxTag = 200

// javaLocale is a locale as Java writes it: language, region, a variant, and behind # the
// script.
var javaLocale = regexp.MustCompile(`^([A-Za-z]{2,8})_?([A-Za-z0-9]*)_[^#]*#([A-Za-z]{4})`)

// GuessTag returns the BCP 47 tag for a phone's name of its locale, such as zh_CN_#Hans or
// ko_KR.UTF-8. It keeps language, script and region, and returns "" for an unknown name.
func GuessTag(said string) string {
	said, _, _ = strings.Cut(strings.TrimSpace(said), ".") // ko_KR.UTF-8
	said, _, _ = strings.Cut(said, "@")                    // en_US@calendar=gregorian
	if len(said) > maxTag {
		return ""
	}
	if m := javaLocale.FindStringSubmatch(said); m != nil {
		said = m[1] + "-" + m[3] + "-" + m[2]
	}
	tag, err := language.Default.Parse(strings.Trim(said, "-_"))
	for err != nil && said != "" { // the end may not belong to the tag
		said = said[:max(0, strings.LastIndexAny(said, "-_#"))]
		tag, err = language.Default.Parse(said)
	}
	base, script, region := tag.Raw()
	if said == "" || base.String() == "und" {
		return ""
	}
	short, err := language.Compose(base, script, region)
	if err != nil {
		return ""
	}
	return short.String()
}
