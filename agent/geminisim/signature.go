package geminisim

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash/fnv"
	"slices"
	"strings"
)

// A signature is 8 bytes of nonce, 8 bytes that stand for the call's id (zero for a text) and 32 bytes of MAC over both
// and the name of the call. To the client it is opaque. The key is no secret and the same everywhere: the point is
// to notice clients that lose, alter or move signatures, and a conversation survives a restart of the simulator.
const (
	signatureLen = 8 + 8 + sha256.Size
	signatureKey = "geminisim thought signature"
)

// signCall signs a function call, signText the last part of an answer.
func signCall(nonce uint64, name, id string) string { return sign(nonce, hashID(id), "call:"+name) }
func signText(nonce uint64) string                  { return sign(nonce, 0, "text") }

func sign(nonce, id uint64, what string) string {
	b := make([]byte, 16, signatureLen)
	binary.BigEndian.PutUint64(b, nonce)
	binary.BigEndian.PutUint64(b[8:], id)
	return base64.StdEncoding.EncodeToString(mac(b, what))
}

func mac(head []byte, what string) []byte {
	m := hmac.New(sha256.New, []byte(signatureKey))
	m.Write(head)
	m.Write([]byte(what))
	return m.Sum(head)
}

// standIns are the signatures Google documents for calls that no Gemini made, as a history of another model has them.
var standIns = []string{"skip_thought_signature_validator", "context_engineering_is_the_way_to_go"}

// genuine says whether p carries a signature that was issued for what p is, or a stand-in, as it is or in base64. A
// client may leave the call's id out.
func genuine(p *Part) bool {
	b, err := base64.StdEncoding.DecodeString(standardBase64(p.ThoughtSignature))
	if slices.Contains(standIns, p.ThoughtSignature) || slices.Contains(standIns, string(b)) {
		return true
	}
	if err != nil || len(b) != signatureLen {
		return false
	}
	what := "text"
	if c := p.FunctionCall; c != nil {
		what = "call:" + c.Name
		if c.ID != "" && binary.BigEndian.Uint64(b[8:]) != hashID(c.ID) {
			return false
		}
	}
	return hmac.Equal(b, mac(b[:16:16], what))
}

// checkHistory holds the rule of Config.SignedHistory.
func (req *GenerateContentRequest) checkHistory(r route) *apiError {
	for i := range req.Contents {
		c := &req.Contents[i]
		signed := slices.ContainsFunc(c.Parts, func(p Part) bool { return p.ThoughtSignature != "" })
		if c.Role == "model" && !signed && !isGemini2(r.model) {
			return invalidf("Content %d of the conversation is missing its thought_signature.", i+1)
		}
	}
	return nil
}

// standardBase64 brings the four spellings that proto JSON accepts for bytes to one.
func standardBase64(s string) string {
	s = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(s, "="))
	return s + strings.Repeat("=", (4-len(s)%4)%4)
}

func hashID(id string) uint64 {
	if id == "" {
		return 0
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(id))
	return h.Sum64()
}
