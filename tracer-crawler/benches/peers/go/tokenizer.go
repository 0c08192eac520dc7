//go:build xnethtml

package main

import (
	"bytes"
	"net/url"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

func init() {
	finders["parser"] = parsed
}

// parsed finds links with the tokenizer of golang.org/x/net/html, the parser that Go's own authors keep.
func parsed(page *url.URL, body []byte) []*url.URL {
	var found []*url.URL
	base := page
	tokens := html.NewTokenizer(bytes.NewReader(body))
	for {
		kind := tokens.Next()
		if kind == html.ErrorToken {
			return found
		}
		if kind != html.StartTagToken && kind != html.SelfClosingTagToken {
			continue
		}
		name, more := tokens.TagName()
		tag := atom.Lookup(name)
		if tag != atom.A && tag != atom.Area && tag != atom.Link && tag != atom.Base {
			continue
		}
		for more {
			var key, value []byte
			key, value, more = tokens.TagAttr()
			if string(key) != "href" {
				continue
			}
			link, err := url.Parse(string(value))
			if err != nil {
				continue
			}
			link = base.ResolveReference(link)
			if tag == atom.Base {
				base = link
			} else {
				found = append(found, link)
			}
		}
	}
}
