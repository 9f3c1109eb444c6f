package systemtest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

const (
	meshW3CTrace  = "4bf92f3577b34da6a3ce929d0e0e4736"
	meshW3CIDs    = meshW3CTrace + "-" + meshCaller
	meshW3CParent = "traceparent: 00-" + meshW3CIDs + "-01"
)

// TestMeshW3CTraceparentOnTheWire sends what https://www.w3.org/TR/trace-context-2/#traceparent-header allows and
// forbids to the delegate endpoint, byte for byte, and looks at what leaves it.
func TestMeshW3CTraceparentOnTheWire(t *testing.T) {
	tests := []struct {
		rule  string
		lines []string
		flags string // that leave; "" when a new trace has to be started
	}{
		{"no header", nil, ""},
		{"sampled", []string{meshW3CParent}, "01"},
		{"not sampled", []string{"traceparent: 00-" + meshW3CIDs + "-00"}, "00"},
		{"the random flag stays, not sampled", []string{"traceparent: 00-" + meshW3CIDs + "-02"}, "02"},
		{"the random flag stays, sampled", []string{"traceparent: 00-" + meshW3CIDs + "-03"}, "03"},
		{"unknown flags are cleared, sampled", []string{"traceparent: 00-" + meshW3CIDs + "-fd"}, "01"},
		{"unknown flags are cleared, not sampled", []string{"traceparent: 00-" + meshW3CIDs + "-fc"}, "00"},
		{"all flags", []string{"traceparent: 00-" + meshW3CIDs + "-ff"}, "03"},

		{"name in capitals", []string{"TRACEPARENT: 00-" + meshW3CIDs + "-01"}, "01"},
		{"name in camel case", []string{"TraceParent: 00-" + meshW3CIDs + "-01"}, "01"},
		{"name in mixed case", []string{"TrAcEpArEnT: 00-" + meshW3CIDs + "-01"}, "01"},
		{"name with a dash is another", []string{"trace-parent: 00-" + meshW3CIDs + "-01"}, ""},
		{"name with a dot is another", []string{"trace.parent: 00-" + meshW3CIDs + "-01"}, ""},
		{"blanks and tabs around the value", []string{"traceparent: \t 00-" + meshW3CIDs + "-01 \t"}, "01"},
		{"no blank before the value", []string{"traceparent:00-" + meshW3CIDs + "-01"}, "01"},
		{"empty value", []string{"traceparent:"}, ""},
		{"twice the same", []string{meshW3CParent, meshW3CParent}, ""},
		{"twice, in two spellings", []string{meshW3CParent, "TraceParent: 00-" + meshW3CIDs + "-01"}, ""},
		{"twice, two traces", []string{meshW3CParent, "traceparent: 00-" + meshW3CTrace[1:] + "0-" + meshCaller + "-01"}, ""},
		{"twice, the second malformed", []string{meshW3CParent, "traceparent: 00"}, ""},
		{"two in one header", []string{meshW3CParent + ", 00-" + meshW3CIDs + "-01"}, ""},

		{"version 00 ends after the flags", []string{meshW3CParent + "."}, ""},
		{"version 00 has no fifth field", []string{meshW3CParent + "-what-the-future-brings"}, ""},
		{"version 00 has no dash at its end", []string{meshW3CParent + "-"}, ""},
		{"version 01", []string{"traceparent: 01-" + meshW3CIDs + "-01"}, "01"},
		{"version cc", []string{"traceparent: cc-" + meshW3CIDs + "-01"}, "01"},
		{"version cc with unknown flags", []string{"traceparent: cc-" + meshW3CIDs + "-09"}, "01"},
		{"version cc with unknown flags, not sampled", []string{"traceparent: cc-" + meshW3CIDs + "-f8"}, "00"},
		{"version cc, not sampled", []string{"traceparent: cc-" + meshW3CIDs + "-00"}, "00"},
		{"version fe with a fifth field", []string{"traceparent: fe-" + meshW3CIDs + "-01-what-the-future-brings"}, "01"},
		{"version cc with a dash at its end", []string{"traceparent: cc-" + meshW3CIDs + "-01-"}, "01"},
		{"version cc without a dash after the flags", []string{"traceparent: cc-" + meshW3CIDs + "-01.what"}, ""},
		{"version cc with a third digit of flags", []string{"traceparent: cc-" + meshW3CIDs + "-011"}, ""},
		{"version cc that is too short", []string{"traceparent: cc-" + meshW3CIDs + "-0"}, ""},
		{"version cc without flags", []string{"traceparent: cc-" + meshW3CIDs}, ""},
		{"version ff is invalid", []string{"traceparent: ff-" + meshW3CIDs + "-01"}, ""},
		{"version ff is invalid at any length", []string{"traceparent: ff-" + meshW3CIDs + "-01-what"}, ""},
		{"version in capitals", []string{"traceparent: CC-" + meshW3CIDs + "-01"}, ""},
		{"version that is no hex", []string{"traceparent: 0.-" + meshW3CIDs + "-01"}, ""},
		{"version of three digits", []string{"traceparent: 000-" + meshW3CIDs + "-01"}, ""},
		{"version of one digit", []string{"traceparent: 0-" + meshW3CIDs + "-01"}, ""},

		{"trace id of zeros", []string{"traceparent: 00-" + strings.Repeat("0", 32) + "-" + meshCaller + "-01"}, ""},
		{"trace id in capitals", []string{"traceparent: 00-" + strings.ToUpper(meshW3CTrace) + "-" + meshCaller + "-01"}, ""},
		{"trace id with a dot", []string{"traceparent: 00-." + meshW3CTrace[1:] + "-" + meshCaller + "-01"}, ""},
		{"trace id too long", []string{"traceparent: 00-" + meshW3CTrace + "0-" + meshCaller + "-01"}, ""},
		{"trace id too short", []string{"traceparent: 00-" + meshW3CTrace[1:] + "-" + meshCaller + "-01"}, ""},
		{"parent id of zeros", []string{"traceparent: 00-" + meshW3CTrace + "-" + strings.Repeat("0", 16) + "-01"}, ""},
		{"parent id in capitals",
			[]string{"traceparent: 00-" + meshW3CTrace + "-" + strings.ToUpper(meshCaller) + "-01"}, ""},
		{"parent id with a dot", []string{"traceparent: 00-" + meshW3CTrace + "-." + meshCaller[1:] + "-01"}, ""},
		{"parent id too long", []string{"traceparent: 00-" + meshW3CIDs + "0-01"}, ""},
		{"parent id too short", []string{"traceparent: 00-" + meshW3CIDs[:48] + "-01"}, ""},
		{"flags with a dot", []string{"traceparent: 00-" + meshW3CIDs + "-.0"}, ""},
		{"flags in capitals", []string{"traceparent: 00-" + meshW3CIDs + "-0A"}, ""},
		{"flags of three digits", []string{"traceparent: 00-" + meshW3CIDs + "-001"}, ""},
		{"flags of one digit", []string{"traceparent: 00-" + meshW3CIDs + "-1"}, ""},
		{"other separators", []string{"traceparent: 00_" + meshW3CTrace + "_" + meshCaller + "_01"}, ""},
	}
	relay := startMeshW3CRelay(t)
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			// A tracestate lives and dies with its traceparent.
			out := relay.send(t, append(tt.lines, "tracestate: vendor=1"))
			if tt.flags == "" {
				if out.traceID == meshW3CTrace || out.tracestate != "" {
					t.Errorf("the caller was believed: trace %s, tracestate %q", out.traceID, out.tracestate)
				}
				return
			}
			if out.traceID != meshW3CTrace || out.parent != meshCaller || out.flags != tt.flags || out.tracestate != "vendor=1" {
				t.Errorf("left as %+v, want the caller's trace with the flags %s", out, tt.flags)
			}
		})
	}
}

// TestMeshW3CTracestateOnTheWire does the same for https://www.w3.org/TR/trace-context-2/#tracestate-header.
// Whatever is wrong with a tracestate, its traceparent stays.
func TestMeshW3CTracestateOnTheWire(t *testing.T) {
	list := func(from, n int) string {
		members := make([]string, n)
		for i := range members {
			members[i] = fmt.Sprintf("k%02d=%d", from+i, i)
		}
		return strings.Join(members, ",")
	}
	const symbols = "!\"#$%&'()*+-./:;<>?@[\\]^_`{|}~"
	const keySymbols = "abcdefghijklmnopqrstuvwxyz0123456789_-*/"
	k := func(n int) string { return strings.Repeat("k", n) }
	tests := []struct {
		rule  string
		lines []string
		want  string
	}{
		{"none", nil, ""},
		{"one member", []string{"tracestate: foo=1"}, "foo=1"},
		{"the order stays", []string{"tracestate: foo=1,bar=2,aaa=3"}, "foo=1,bar=2,aaa=3"},

		{"name in capitals", []string{"TRACESTATE: foo=1"}, "foo=1"},
		{"name in camel case", []string{"TraceState: foo=1"}, "foo=1"},
		{"name with a dash is another", []string{"trace-state: foo=1"}, ""},
		{"name with a dot is another", []string{"trace.state: foo=1"}, ""},

		{"empty header", []string{"tracestate:"}, ""},
		{"blank header", []string{"tracestate: \t "}, ""},
		{"empty header before another", []string{"tracestate:", "tracestate: foo=1"}, "foo=1"},
		{"empty header after another", []string{"tracestate: foo=1", "tracestate:"}, "foo=1"},
		{"headers are joined in order", []string{"tracestate: foo=1,bar=2", "tracestate: rojo=1,congo=2",
			"tracestate: baz=3"}, "foo=1,bar=2,rojo=1,congo=2,baz=3"},
		{"headers in two spellings are joined in order", []string{"tracestate: foo=1", "TraceState: bar=2"}, "foo=1,bar=2"},
		{"empty members", []string{"tracestate: foo=1,,,bar=2,"}, "foo=1,bar=2"},
		{"blank members", []string{"tracestate: foo=1, \t ,bar=2"}, "foo=1,bar=2"},
		{"nothing but empty members", []string{"tracestate: ,, ,"}, ""},
		{"blanks and tabs around members", []string{"tracestate: \t foo=1 \t , \t bar=2, \t baz=3 \t"}, "foo=1,bar=2,baz=3"},

		{"32 members", []string{"tracestate: " + list(0, 32)}, list(0, 32)},
		{"32 members in two headers", []string{"tracestate: " + list(0, 20), "tracestate: " + list(20, 12)},
			list(0, 20) + "," + list(20, 12)},
		{"33 members", []string{"tracestate: " + list(0, 33)}, ""},
		{"33 members in two headers", []string{"tracestate: " + list(0, 32), "tracestate: foo=1"}, ""},
		{"32 members and empty ones", []string{"tracestate: ,," + list(0, 32) + ",,"}, list(0, 32)},

		{"key of all characters", []string{"tracestate: " + keySymbols + "=1"}, keySymbols + "=1"},
		{"key of one character", []string{"tracestate: a=1"}, "a=1"},
		{"key of 256", []string{"tracestate: " + k(256) + "=1"}, k(256) + "=1"},
		{"key of 257", []string{"tracestate: foo=1," + k(257) + "=1"}, ""},
		{"key of a tenant", []string{"tracestate: fw529a3039@dt=1"}, "fw529a3039@dt=1"},
		{"key of a tenant that begins with a digit", []string{"tracestate: 0tenant@dt=1"}, "0tenant@dt=1"},
		{"key of a tenant of 241 in a system of 14", []string{"tracestate: " + k(241) + "@" + k(14) + "=1"},
			k(241) + "@" + k(14) + "=1"},
		{"key of 257 with a tenant", []string{"tracestate: " + k(242) + "@" + k(14) + "=1"}, ""},
		{"key that begins with @", []string{"tracestate: foo=1,@bar=2"}, ""},
		{"key in capitals", []string{"tracestate: FOO=1"}, ""},
		{"key with a dot", []string{"tracestate: foo.bar=1"}, ""},
		{"key with a blank at its end", []string{"tracestate: foo =1"}, ""},
		{"key with a blank in it", []string{"tracestate: foo bar=1"}, ""},
		{"key that begins with a dash", []string{"tracestate: -foo=1"}, ""},
		{"no key", []string{"tracestate: foo=1,=2"}, ""},
		{"no =", []string{"tracestate: foo=1,bar"}, ""},
		{"one key twice: the newer stays", []string{"tracestate: foo=1,bar=2,foo=3"}, "foo=1,bar=2"},
		{"one key twice in two headers", []string{"tracestate: foo=1", "tracestate: foo=2"}, "foo=1"},

		{"value of all characters", []string{"tracestate: foo=" + symbols + "09azAZ"}, "foo=" + symbols + "09azAZ"},
		{"value with blanks in it", []string{"tracestate: foo=a b  c"}, "foo=a b  c"},
		{"value that begins with a blank", []string{"tracestate: foo= a"}, "foo= a"},
		{"value of 256", []string{"tracestate: foo=" + k(256)}, "foo=" + k(256)},
		{"value of 257", []string{"tracestate: bar=1,foo=" + k(257)}, ""},
		{"value with =", []string{"tracestate: foo=bar=baz"}, ""},
		{"value with a tab", []string{"tracestate: foo=a\tb"}, ""},
		{"value beyond ASCII", []string{"tracestate: foo=ä"}, ""},
		{"no value", []string{"tracestate: foo=,bar=3"}, ""},

		{"512 characters", []string{"tracestate: a=" + k(253) + ",b=" + k(254)}, "a=" + k(253) + ",b=" + k(254)},
		{"key of 256 with a value of 256", []string{"tracestate: " + k(256) + "=" + k(256)}, k(256) + "=" + k(256)},
	}
	relay := startMeshW3CRelay(t)
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			out := relay.send(t, append([]string{meshW3CParent}, tt.lines...))
			if out.traceID != meshW3CTrace || out.parent != meshCaller || out.flags != "01" {
				t.Errorf("the traceparent was lost: %+v", out)
			}
			if out.tracestate != tt.want {
				t.Errorf("tracestate left as %q, want %q", out.tracestate, tt.want)
			}
		})
	}
}

// TestMeshW3CBesideB3: the tracestate belongs to a trace. It stays beside a B3 parent of that trace, and of no other.
func TestMeshW3CBesideB3(t *testing.T) {
	relay := startMeshW3CRelay(t)
	const b3Parent = "b1b1b1b1b1b1b1b1"
	for _, tt := range []struct{ name, b3Trace, want string }{
		{"the same trace", meshW3CTrace, "vendor=1,other=2"},
		{"another trace", meshKeptTrace, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b3 := "b3: " + tt.b3Trace + "-" + b3Parent + "-1"
			out := relay.send(t, []string{meshW3CParent, "tracestate: vendor=1,other=2", b3})
			if out.traceID != tt.b3Trace || out.parent != b3Parent || out.tracestate != tt.want {
				t.Errorf("left as %+v, want trace %s, parent %s, tracestate %q", out, tt.b3Trace, b3Parent, tt.want)
			}
		})
	}
}

// meshW3CRelay is a delegate endpoint and what it sends on to.
type meshW3CRelay struct {
	*meshService
	peer *meshPeer
}

func startMeshW3CRelay(t *testing.T) meshW3CRelay {
	t.Helper()
	peer := startMeshPeer(t)
	return meshW3CRelay{startMeshRelay(t, peer, nil), peer}
}

// meshW3CSent is what left the relay, and the parent of its server span.
type meshW3CSent struct{ traceID, parent, flags, tracestate string }

// send writes a request with these header lines as they are and returns what the relay sent on.
func (r meshW3CRelay) send(t *testing.T, lines []string) meshW3CSent {
	t.Helper()
	r.rec.Reset()
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const body = `{"task":"Go."}`
	head := append([]string{
		"POST " + delegatePath + " HTTP/1.1", "Host: relay", "Content-Type: application/json",
		fmt.Sprintf("Content-Length: %d", len(body)), "Connection: close",
	}, lines...)
	if _, err := io.WriteString(conn, strings.Join(head, "\r\n")+"\r\n\r\n"+body); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("answer = %s", res.Status)
	}
	sent := r.peer.took(t)
	out := meshOutgoing(t, r.rec.Spans(), sent)
	return meshW3CSent{
		out.traceID, r.root(t).Parent().SpanID().String(), sent.Get("Traceparent")[53:], out.tracestate,
	}
}
