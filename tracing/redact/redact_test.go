package redact

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestSecretKeys(t *testing.T) {
	secret := []string{
		"password", "PASSWORD", "userPassword", "db_password_2", "api_key", "apiKey", "API-KEY", "x-goog-api-key", "api.key",
		"apikey", "secret", "client_secret", "Secrets", "token", "accessToken", "max_tokens", "toKen", "ſecret", "passwd",
		"Authorization", "credentials", "private_key", "aws_access_key_id", "passphrase",
	}
	for _, key := range secret {
		if !secretKey(key) {
			t.Errorf("secretKey(%q) = false", key)
		}
	}
	for _, key := range []string{"", "pass", "key", "keyboard", "query", "zone", "author", "tok", "sécret", "monkey"} {
		if secretKey(key) {
			t.Errorf("secretKey(%q) = true", key)
		}
	}
}

// The switch over first letters in secretKey and the list must agree.
func TestEverySecretWordIsFound(t *testing.T) {
	for _, word := range secretWords {
		if !secretKey("my_" + strings.ToUpper(word) + "_2") {
			t.Errorf("a key that contains %q is not secret", word)
		}
	}
}

func TestRedactArgs(t *testing.T) {
	for _, tc := range []struct {
		name string
		args map[string]any
		want string
	}{
		{"nil", nil, `{}`},
		{"plain", map[string]any{"b": 1.5, "a": "x", "c": true, "d": nil}, `{"a":"x","b":1.5,"c":true,"d":null}`},
		{"whole numbers", map[string]any{"n": 1e6, "big": 1e21, "i": 3}, `{"big":1e+21,"i":3,"n":1000000}`},
		{"not a number", map[string]any{"n": math.NaN(), "i": math.Inf(1)}, `{"i":null,"n":null}`},
		{"secrets", map[string]any{"password": "a", "Api-Key": 7.0, "q": "x"},
			`{"Api-Key":"[REDACTED]","password":"[REDACTED]","q":"x"}`},
		{"deep", map[string]any{"a": []any{map[string]any{"token": map[string]any{"x": "y"}}}},
			`{"a":[{"token":"[REDACTED]"}]}`},
		{"in text", map[string]any{"url": "https://x/?api_key=abc&q=1", "h": "Bearer abc"},
			`{"h":"Bearer [REDACTED]","url":"https://x/?api_key=[REDACTED]&q=1"}`},
		{"escapes", map[string]any{"a": "\"\\\n\r\t\x01é"}, `{"a":"\"\\\n\r\t\u0001é"}`},
		{"invalid UTF-8", map[string]any{"a": "\xff"}, `{"a":"` + "\uFFFD" + `"}`},
		{"long value", map[string]any{"a": strings.Repeat("ñ", 201)}, `{"a":"` + strings.Repeat("ñ", 200) + `"}`},
		{"Go types", map[string]any{"s": []string{"x"}, "m": map[string]string{"secret": "x"}, "n": json.Number("12")},
			`{"m":{"secret":"[REDACTED]"},"n":12,"s":["x"]}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := Args(tc.args); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

func TestRedactArgsOfHugeArgumentsStopsEarly(t *testing.T) {
	list := make([]any, 1_000_000)
	for i := range list {
		list[i] = "x"
	}
	args := map[string]any{"list": list}
	j := JSON{Runes: maxValueRunes, Limit: maxArgsRunes * utf8.UTFMax}
	if j.Object(args, 0); len(j.Buf) > 2*j.Limit {
		t.Errorf("%d bytes were written", len(j.Buf))
	}
	if n := utf8.RuneCountInString(Args(args)); n != maxArgsRunes {
		t.Errorf("%d runes, want %d", n, maxArgsRunes)
	}
}

func TestRedactText(t *testing.T) {
	const jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N"
	const google = "AIzaSyA1234567890abcdefghijklmnopqrstuv"
	for _, tc := range []struct{ in, want string }{
		{"", ""},
		{"nothing to hide: all is well", "nothing to hide: all is well"},
		{"key=value and keys: 3", "key=value and keys: 3"},
		{"password=hunter2", "password=[REDACTED]"},
		{"password = hunter2, user=bob", "password = [REDACTED], user=bob"},
		{"PASSWORD: hunter2; rest", "PASSWORD: [REDACTED]; rest"},
		{"db.password=>hunter2", "db.password=>[REDACTED]"},
		{`{"api_key": "abc", "q": "x"}`, `{"api_key": "[REDACTED]", "q": "x"}`},
		{`{"apiKey":"a\"b,c","q":1}`, `{"apiKey":"[REDACTED]","q":1}`},
		{`"{\"token\":\"abc\",\"q\":1}"`, `"{\"token\":\"[REDACTED]\",\"q\":1}"`},
		{`secret: {"a": ["x}", "y"]} tail`, `secret: [REDACTED] tail`},
		{`map[token:abc user:bob]`, `map[token:[REDACTED] user:bob]`}, // Go's %v
		{`secrets=['a', 'b'] x`, `secrets=[REDACTED] x`},
		{`args["token"]="abc"`, `args["token"]="[REDACTED]"`},
		{`token="never closed`, `token="[REDACTED]`},
		{"Authorization: Bearer abc.def next", "Authorization: [REDACTED] next"},
		{"authorization=Basic dXNlcg== next", "authorization=[REDACTED] next"},
		{"sent bEaReR abc, refused", "sent bEaReR [REDACTED], refused"},
		{"X-Goog-Api-Key: abc", "X-Goog-Api-Key: [REDACTED]"},
		{`Post "https://h/v1/m:gen?key=abc&alt=sse": EOF`, `Post "https://h/v1/m:gen?key=[REDACTED]&alt=sse": EOF`},
		{"API key: abc", "API key: [REDACTED]"},
		{"dial postgres://bob:pw@db:5432/x", "dial postgres://[REDACTED]@db:5432/x"},
		{"see https://h/@user", "see https://h/@user"},
		{"API key " + google + " is not valid", "API key [REDACTED] is not valid"},
		{"x=" + google + "&y", "x=[REDACTED]&y"},
		{"bad assertion " + jwt, "bad assertion [REDACTED]"},
		{"used ya29.a0AfH6SMBx1234567890 today", "used [REDACTED] today"},
		{"a token of thanks", "a token of thanks"},
		{"token:", "token:"},
		{"\xffpassword=\xff\xfe", "\uFFFDpassword=[REDACTED]"},
	} {
		got := Text(tc.in)
		if got != tc.want {
			t.Errorf("Text(%q)\n got %q\nwant %q", tc.in, got, tc.want)
		}
		if again := Text(got); again != got {
			t.Errorf("again %q becomes %q", got, again)
		}
	}
}

// spellings are the ways a pair of key and secret appears in a text; %[1]s is the key, %[2]s the secret.
var spellings = []string{
	`%[1]s=%[2]s`, `%[1]s: %[2]s`, `%[1]s = %[2]s`, `%[1]s := "%[2]s"`, `"%[1]s":"%[2]s"`, `'%[1]s': '%[2]s'`,
	`{\"%[1]s\":\"%[2]s\"}`, `%[1]s="x %[2]s y"`, `%[1]s: [a, %[2]s]`, `%[1]s={"a":{"b":"%[2]s"}}`, `?%[1]s=%[2]s&x=y`,
	`%[1]s: Bearer %[2]s`, `bearer %[2]s`, `https://%[1]s:%[2]s@host/`,
}

const mark = "MARKED7secret9MARKED"

func FuzzRedactText(f *testing.F) {
	for i := range spellings {
		f.Add("call failed ", uint8(i), uint8(i), " retrying")
	}
	f.Add(`{"a":"b"} `, uint8(4), uint8(0), `"}`)
	f.Add("eyJ.AIza", uint8(0), uint8(1), "ya29.://x@")
	f.Fuzz(func(t *testing.T, before string, spelling, word uint8, after string) {
		check := func(s string) string {
			got := Text(s)
			if !utf8.ValidString(got) {
				t.Errorf("Text(%q) = %q, not UTF-8", s, got)
			}
			if again := Text(got); again != got {
				t.Errorf("Text(%q) = %q, which becomes %q", s, got, again)
			}
			return got
		}
		check(before + after)
		if strings.ContainsAny(before, "\"'`{[\\") {
			return // the text before may open what ends inside the pair
		}
		pair := fmt.Sprintf(spellings[int(spelling)%len(spellings)], secretWords[int(word)%len(secretWords)], mark)
		if got := check(before + " " + pair + " " + after); strings.Contains(got, mark) {
			t.Errorf("%q between %q and %q survives: %q", pair, before, after, got)
		}
	})
}

func FuzzRedactArgs(f *testing.F) {
	f.Add([]byte(`{"a":{"password":"x"},"b":[1,"y",null,true]}`), uint8(0))
	f.Add([]byte(`{"a":"`+strings.Repeat("ñ🙂", 300)+`"}`), uint8(3))
	f.Add([]byte(`{"\u0000":"\ud800"}`), uint8(1))
	f.Fuzz(func(t *testing.T, data []byte, word uint8) {
		var args map[string]any
		if json.Unmarshal(data, &args) != nil || args == nil {
			return
		}
		check := func(args map[string]any) {
			got := Args(args)
			n := utf8.RuneCountInString(got)
			switch {
			case !utf8.ValidString(got):
				t.Errorf("%q is not UTF-8", got)
			case n > maxArgsRunes:
				t.Errorf("%d runes", n)
			case n < maxArgsRunes && !json.Valid([]byte(got)):
				t.Errorf("%s is not JSON", got)
			case strings.Contains(got, mark):
				t.Errorf("the marked secret survives: %s", got)
			}
		}
		check(args)
		key := secretWords[int(word)%len(secretWords)]
		check(map[string]any{"aa": []any{map[string]any{key: mark, "b": args}}, "x_" + key: []any{mark}, "z": args})
	})
}

// Random nested arguments with a marked secret under a secret key at any depth.
func TestMarkedSecretsNeverSurvive(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var build func(depth int) any
	build = func(depth int) any {
		if depth == 0 {
			key := []byte(secretWords[rng.IntN(len(secretWords))])
			for i := range key {
				if rng.IntN(2) == 0 {
					key[i] = strings.ToUpper(string(key[i]))[0]
				}
			}
			return map[string]any{"x-" + string(key): mark, "other": []any{"y"}}
		}
		if rng.IntN(2) == 0 {
			return []any{1.0, build(depth - 1)}
		}
		return map[string]any{"k": build(depth - 1)}
	}
	for i := range 500 {
		args := map[string]any{"v": build(i % 12)}
		if got := Args(args); strings.Contains(got, mark) || !strings.Contains(got, Mask) {
			t.Fatalf("Args(%v) = %s", args, got)
		}
	}
}

func ExampleArgs() {
	fmt.Println(Args(map[string]any{
		"query": "weather", "auth": map[string]any{"apiKey": "123", "user": "ana"},
	}))
	// Output: {"auth":{"apiKey":"[REDACTED]","user":"ana"},"query":"weather"}
}

func ExampleText() {
	fmt.Println(Text(`calling search: 401 {"api_key":"123"} after Authorization: Bearer xyz`))
	// Output: calling search: 401 {"api_key":"[REDACTED]"} after Authorization: [REDACTED]
}
