package i18n_test

import (
	"regexp"
	"strings"
	"testing"
)

// TestWordsOfTheGlossary finds words that docs/words.md tells to avoid.
func TestWordsOfTheGlossary(t *testing.T) {
	for language, avoid := range map[string][]string{
		"en": {"Deliveries", "Empty: ", "Notify me of"},
		"ko": {"주문하기", "시험", "데드", "워커", "큐", "상점", "디바이스", "개인 정보", "열람 기록", "패킹", "bellhop 담당자"},
		"ja": {"ライブ", "あなた", "ショップ", "デバイス", "所有者", "運営者", "個人データ", "閲覧履歴", "注文する"},
	} {
		for id, text := range words(t, language) {
			for _, word := range avoid {
				if strings.Contains(text, word) {
					t.Errorf("%s: %s says %q: %s", language, id, word, text)
				}
			}
		}
	}
}

// TestParticlesFollowKnownWords: a Korean particle depends on the sound before it, which nobody knows of a name.
func TestParticlesFollowKnownWords(t *testing.T) {
	guess := regexp.MustCompile(`\}\}(은|는|이|가|을|를|과|와|으로|로)([ ,.)]|$)`)
	for id, text := range words(t, "ko") {
		if found := guess.FindString(text); found != "" {
			t.Errorf("%s guesses a particle: %s", id, text)
		}
	}
}

// TestJapaneseSpaces: a space stands between Latin letters or digits and Japanese ones.
func TestJapaneseSpaces(t *testing.T) {
	japanese := `[\p{Han}\p{Hiragana}\p{Katakana}]`
	close := regexp.MustCompile(`[A-Za-z0-9%]` + japanese + `|` + japanese + `[A-Za-z0-9]|\.N\}\}` + japanese)
	for id, text := range words(t, "ja") {
		if found := close.FindString(text); found != "" {
			t.Errorf("%s lacks a space in %q: %s", id, found, text)
		}
	}
}
