package systemtest

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"example.com/gemini-agent/agent/geminisim"
)

// readsAStream is a page's script that reads a stream with fetch, and tells of the first words.
const readsAStream = `(async () => {
	const answer = await fetch(%q, {method: 'POST', body: JSON.stringify({task: 'Count'}), headers: {
		'Content-Type': 'application/json', 'Accept': 'text/event-stream'}});
	const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
	let rest = '', text = '', response = '', names = [];
	for (;;) {
		const {value, done} = await reader.read();
		if (done) break;
		const blocks = (rest + value).split('\n\n');
		rest = blocks.pop();
		for (const block of blocks) {
			const name = block.match(/^event: (.*)$/m)?.[1];
			if (!name) continue;
			const data = JSON.parse(block.match(/^data: (.*)$/m)[1]);
			if (name === 'delta') {
				if (text === '') await fetch(%q, {mode: 'no-cors'}); // the model waits for that
				text += data.text;
			}
			if (name === 'answer') response = data.response;
			names.push(name);
		}
	}
	return JSON.stringify({names: names.join(' '), text, response, trace: answer.headers.get('X-Trace-ID')});
})()`

// A page of an allowed origin reads a stream with fetch while the model talks.
func TestAPageReadsAStream(t *testing.T) {
	page := emptyPage(t)
	heard, heardURL := signal(t)
	s := start(t, setup{env: map[string]string{"CORS_ALLOWED_ORIGINS": page}, script: []geminisim.Reply{geminisim.Text(streamWords + " 🎉").Paced(func(chunk int) {
		if chunk == 1 {
			<-heard
		}
	})}})
	tab := startChromium(t) // last, and so gone first: servers wait for the connections that it holds
	ctx, cancel := context.WithTimeout(tab, 4*patience)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.Navigate(page)); err != nil {
		t.Fatal(err)
	}
	raw, err := chromedp.Run(ctx, chromedp.Evaluate[string](fmt.Sprintf(readsAStream, s.url+executePath, heardURL), chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	var got struct{ Names, Text, Response, Trace string }
	if err := json.Unmarshal([]byte(raw), &got); err != nil || got.Text != streamWords+" 🎉" || got.Response != got.Text || len(got.Trace) != 32 ||
		!strings.HasPrefix(got.Names, "start delta delta") || !strings.HasSuffix(got.Names, "delta answer") {
		t.Errorf("the page has read %s, %v", raw, err)
	}
}
