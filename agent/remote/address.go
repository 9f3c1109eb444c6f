package remote

import (
	"errors"
	"net/url"
	"strconv"
)

// Address parses the address of a service: absolute, http or https, without user or fragment. Its errors hold nothing
// of the address, which may hold a secret.
func Address(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, errors.New("it is not a URL")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("it must start with http:// or https://")
	case u.Hostname() == "":
		return nil, errors.New("it has no host")
	case u.User != nil:
		return nil, errors.New("it must not hold a user or password")
	case u.Fragment != "":
		return nil, errors.New("it must not have a fragment")
	case Port(u) == 0:
		return nil, errors.New("its port is not a number from 1 to 65535")
	}
	return u, nil
}

// Port returns the port that an http or https URL leads to, 0 when it is out of range.
func Port(u *url.URL) int {
	switch port := u.Port(); {
	case port != "":
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			return 0
		}
		return int(n)
	case u.Scheme == "https":
		return 443
	}
	return 80
}
