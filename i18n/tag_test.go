package i18n

import (
	"strings"
	"testing"
)

func TestTagsAsPhonesSendThem(t *testing.T) {
	for said, want := range map[string]string{
		"en": "en", "en-GB": "en-GB", "en_US": "en-US", "ko_KR.UTF-8": "ko-KR", "zh_CN_#Hans": "zh-Hans-CN",
		"zh_TW_#Hant": "zh-Hant-TW",
		"zh__#Hans":   "zh-Hans", "zh-Hans_CN": "zh-Hans-CN", "zh-Hant-HK": "zh-Hant-HK", "en-US-u-ca-gregory": "en-US",
		"en-US-u-fw-mon-hc-h24-mu-celsius": "en-US", "en_US_POSIX": "en-US", "en_US@calendar=gregorian": "en-US",
		"sr_RS@latin": "sr-RS",
		"iw_IL":       "he-IL", "in_ID": "id-ID", "no_NO_NY": "no-NO", "ja_JP_JP_#u-ca-japanese": "ja-JP",
		"th_TH_TH_#u-nu-thai": "th-TH",
		"pt-br":               "pt-BR", "es-419": "es-419", "EN-gb": "en-GB", "tl-PH": "fil-PH", "en_KR": "en-KR",
		" de ": "de", "de-CH-1996": "de-CH",
		"zh_CN_#Hans_u-ca-chinese": "zh-Hans-CN", "sl_IT_nedis": "sl-IT", "en-": "en", "ko_": "ko",
		"": "", "C": "", "POSIX": "", "und": "", "null": "", "한국어": "", "../../x": "", "en\x00": "", "x-private": "",
		"123":                       "",
		strings.Repeat("en-", 1000): "", "en-US-" + strings.Repeat("x", 190): "en-US",
	} {
		if got := GuessTag(said); got != want {
			t.Errorf("%.40q: %q, want %q", said, got, want)
		}
	}
}
