package geminisim

import "fmt"

// Blob is data within a message: an image, a sound.
type Blob struct {
	MIMEType    string
	DisplayName string // in a function response: what {"$ref": DisplayName} there stands for
}

func (d *decoder) blob() *Blob {
	b := &Blob{}
	d.message("Blob", func(field string) bool {
		switch field {
		case "mimeType":
			b.MIMEType = d.string()
		case "displayName":
			b.DisplayName = d.string()
		case "data":
			d.bytes()
		default:
			return false
		}
		return true
	})
	return b
}

// mediaPart decodes a part of a function response; nil when it holds no inline data.
func (d *decoder) mediaPart() (b *Blob) {
	d.message("FunctionResponsePart", func(field string) bool {
		switch field {
		case "inlineData":
			b = d.blob()
		case "fileData":
			return d.skipIf(d.vertex)
		default:
			return false
		}
		return true
	})
	return b
}

// checkMedia refuses data of no type, and data that stands beside a function response instead of in it.
func (req *GenerateContentRequest) checkMedia(route) *apiError {
	for i := range req.Contents {
		c := &req.Contents[i]
		beside := turnOf(c).responses > 0
		for j := range c.Parts {
			p := &c.Parts[j]
			media := []*Blob{p.InlineData}
			if p.FunctionResponse != nil {
				media = p.FunctionResponse.Media
			}
			for _, b := range media {
				if b != nil && b.MIMEType == "" {
					return invalidf("Unable to submit request because it has an empty mimeType parameter in inlineData. " +
						"Add a value to the parameter and try again. Learn more: " +
						"https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/gemini")
				}
			}
			if p.InlineData != nil && beside {
				return fieldf(fmt.Sprintf("contents[%d].parts[%d].inline_data", i, j),
					"inline data can not be mixed with function_response parts.")
			}
		}
	}
	return nil
}
