package session

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"cloud.google.com/go/firestore"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"

	"example.com/gemini-agent/tracing/googleauth"
)

// FirestoreConfig says where the documents are. The zero value is the default database of the project that the
// credentials belong to.
type FirestoreConfig struct {
	Project     string                  // default: that of Credentials
	Database    string                  // default "(default)"
	Emulator    string                  // HOST:PORT of an emulator, spoken to in plaintext, without Credentials; default: none
	Credentials *googleauth.Credentials // default: the application default credentials
}

func (c FirestoreConfig) withDefaults() FirestoreConfig {
	c.Database = cmp.Or(c.Database, firestore.DefaultDatabaseID)
	if c.Emulator != "" {
		if _, address, ok := strings.Cut(c.Emulator, "://"); ok {
			c.Emulator = strings.TrimSuffix(address, "/")
		}
		c.Project = cmp.Or(c.Project, "emulator")
	}
	if c.Credentials == nil {
		c.Credentials = googleauth.New(c.Project)
	}
	return c
}

// connection opens the client with the first call.
type connection struct {
	cfg FirestoreConfig

	mu     sync.Mutex
	opened *firestore.Client
	closed bool
}

const firestoreHost = "firestore.googleapis.com"

// Server returns the address of the database.
func (c *connection) Server() (string, int) {
	if c.cfg.Emulator == "" {
		return firestoreHost, 443
	}
	host, port, err := net.SplitHostPort(c.cfg.Emulator)
	if err != nil {
		return c.cfg.Emulator, 0
	}
	n, _ := strconv.Atoi(port) // 0: a name, which is not shown
	return host, n
}

var (
	errClosed    = errors.New("the session store is closed")
	errNoProject = errors.New("no Google Cloud project is known for Firestore; set GOOGLE_CLOUD_PROJECT")
)

// client returns the client, which is opened without waiting for the network: only the project of the credentials may
// have to be looked up, within ctx. A failure is not kept.
func (c *connection) client(ctx context.Context) (*firestore.Client, error) {
	project := c.cfg.Project
	if project == "" {
		if project = c.cfg.Credentials.ProjectID(ctx); project == "" {
			return nil, cmp.Or(ctx.Err(), errNoProject)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return nil, errClosed
	case c.opened != nil:
		return c.opened, nil
	}
	conn, err := c.cfg.dial()
	if err != nil {
		return nil, fmt.Errorf("opening a connection to Firestore: %w", err)
	}
	// The context is only for looking up credentials and projects, which are given.
	client, err := firestore.NewClientWithDatabase(context.Background(), project, c.cfg.Database, option.WithGRPCConn(conn))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening the Firestore client: %w", err), conn.Close())
	}
	c.opened = client
	return client, nil
}

// dial makes the connection, which nothing instruments: a call makes no spans but ours.
func (c FirestoreConfig) dial() (*grpc.ClientConn, error) {
	opts := []grpc.DialOption{
		grpc.WithDisableServiceConfig(), // no DNS TXT query, no policy from outside
		// gRPC's own back-off grows to two minutes, in which a store that is up again looks down.
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 2 * time.Second},
			MinConnectTimeout: 5 * time.Second,
		}),
		// An instance without requests is frozen; its connection dies unseen. Better to open a new one.
		grpc.WithIdleTimeout(2 * time.Minute),
		// The timeout is also the kernel's for bytes that nobody acknowledges, so a dead connection costs few calls.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second, Timeout: 3 * time.Second}),
	}
	if c.Emulator != "" {
		opts = append(opts, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithPerRPCCredentials(emulatorOwner{}))
		return grpc.NewClient("passthrough:///"+c.Emulator, opts...)
	}
	return grpc.NewClient(net.JoinHostPort(firestoreHost, "443"), append(opts,
		grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12})),
		grpc.WithPerRPCCredentials(c.Credentials))...)
}

// emulatorOwner is what emulators take for a caller who may do everything.
type emulatorOwner struct{}

func (emulatorOwner) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer owner"}, nil
}

func (emulatorOwner) RequireTransportSecurity() bool { return false }

// Close closes the connection.
func (c *connection) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	if c.opened == nil {
		return nil
	}
	err := c.opened.Close()
	c.opened = nil
	return err
}
