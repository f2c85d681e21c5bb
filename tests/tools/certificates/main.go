// Makes certificates of every kind that Go's own verifier takes, and of some that it does not, for tests that compare
// with programs written in Go. Reads a list of them as JSON on standard input, an issuer before what it signs, and
// writes NAME.crt and NAME.key (PEM) into the folder that is its argument.
package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Certificate is one of them. What is left out is as in the usual server's certificate.
type Certificate struct {
	Name string `json:"name"`
	// rsa1024, rsa2048, rsa4096, p224, p256, p384, p521 or ed25519.
	Key string `json:"key"`
	// pkcs8 (if empty), pkcs1 or sec1.
	KeyForm string `json:"key_form"`
	// As crypto/x509 calls it, such as ECDSA-SHA512; empty: the usual one of the issuer's key.
	Signature string `json:"signature"`
	// The issuer's name; empty: signs itself.
	Issuer string `json:"issuer"`
	// Whether it is marked as an authority.
	Authority bool `json:"authority"`
	// An authority of X.509 version 1, without extensions.
	Version1 bool     `json:"version1"`
	Hosts    []string `json:"hosts"`
	Common   string   `json:"common"`
	Group    string   `json:"group"`
	Client   bool     `json:"client"`
	Expired  bool     `json:"expired"`
}

type made struct {
	certificate *x509.Certificate
	key         crypto.Signer
}

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "certificates:", err)
		os.Exit(1)
	}
}

func run(folder string) error {
	var all []Certificate
	if err := json.NewDecoder(os.Stdin).Decode(&all); err != nil {
		return err
	}
	known := map[string]made{}
	for number, one := range all {
		if err := write(folder, int64(number+1), one, known); err != nil {
			return fmt.Errorf("%s: %w", one.Name, err)
		}
	}
	return nil
}

func write(folder string, serial int64, wanted Certificate, known map[string]made) error {
	key, err := newKey(wanted.Key)
	if err != nil {
		return err
	}
	template, err := wanted.template(serial)
	if err != nil {
		return err
	}
	issuer, found := known[wanted.Issuer]
	if !found && wanted.Issuer != "" {
		return fmt.Errorf("no issuer %s", wanted.Issuer)
	}
	if !found {
		issuer = made{template, key}
	}
	var der []byte
	if wanted.Version1 {
		der, err = version1(template, key)
	} else {
		der, err = x509.CreateCertificate(rand.Reader, template, issuer.certificate, key.Public(), issuer.key)
	}
	if err != nil {
		return err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return err
	}
	known[wanted.Name] = made{certificate, key}
	block, err := wanted.keyBlock(key)
	if err != nil {
		return err
	}
	path := filepath.Join(folder, wanted.Name)
	crt := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := os.WriteFile(path+".crt", crt, 0o644); err != nil {
		return err
	}
	return os.WriteFile(path+".key", pem.EncodeToMemory(block), 0o600)
}

func (wanted Certificate) template(serial int64) (*x509.Certificate, error) {
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(serial),
		Subject:               pkix.Name{CommonName: wanted.Common},
		NotBefore:             now.Add(-2 * time.Hour),
		NotAfter:              now.AddDate(1, 0, 0),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
		IsCA:                  wanted.Authority,
	}
	if wanted.Common == "" {
		template.Subject.CommonName = wanted.Name
	}
	if wanted.Group != "" {
		template.Subject.Organization = []string{wanted.Group}
	}
	if wanted.Expired {
		template.NotAfter = now.Add(-time.Hour)
	}
	if wanted.Authority {
		template.KeyUsage |= x509.KeyUsageCertSign
	}
	if wanted.Client {
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	} else if len(wanted.Hosts) > 0 {
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
	for _, host := range wanted.Hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	if wanted.Signature == "" {
		return template, nil
	}
	for algorithm := x509.MD2WithRSA; algorithm <= x509.PureEd25519; algorithm++ {
		if algorithm.String() == wanted.Signature {
			template.SignatureAlgorithm = algorithm
			return template, nil
		}
	}
	return nil, fmt.Errorf("no signature is called %s", wanted.Signature)
}

func newKey(kind string) (crypto.Signer, error) {
	switch kind {
	case "rsa1024":
		return rsa.GenerateKey(rand.Reader, 1024)
	case "rsa2048":
		return rsa.GenerateKey(rand.Reader, 2048)
	case "rsa4096":
		return rsa.GenerateKey(rand.Reader, 4096)
	case "p224":
		return ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	case "p256":
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "p384":
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "p521":
		return ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case "ed25519":
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	}
	return nil, fmt.Errorf("no key is called %s", kind)
}

func (wanted Certificate) keyBlock(key crypto.Signer) (*pem.Block, error) {
	switch wanted.KeyForm {
	case "pkcs1":
		return &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key.(*rsa.PrivateKey))}, nil
	case "sec1":
		der, err := x509.MarshalECPrivateKey(key.(*ecdsa.PrivateKey))
		return &pem.Block{Type: "EC PRIVATE KEY", Bytes: der}, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return &pem.Block{Type: "PRIVATE KEY", Bytes: der}, err
}

// The parts of a certificate of version 1, which crypto/x509 reads and does not make.
type toBeSigned struct {
	SerialNumber *big.Int
	Signature    pkix.AlgorithmIdentifier
	Issuer       asn1.RawValue
	Validity     struct{ NotBefore, NotAfter time.Time }
	Subject      asn1.RawValue
	PublicKey    asn1.RawValue
}

type signed struct {
	ToBeSigned asn1.RawValue
	Algorithm  pkix.AlgorithmIdentifier
	Signature  asn1.BitString
}

func version1(template *x509.Certificate, key crypto.Signer) ([]byte, error) {
	subject, err := asn1.Marshal(template.Subject.ToRDNSequence())
	if err != nil {
		return nil, err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, err
	}
	// ecdsa-with-SHA256
	algorithm := pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}}
	parts := toBeSigned{
		SerialNumber: template.SerialNumber,
		Signature:    algorithm,
		Issuer:       asn1.RawValue{FullBytes: subject},
		Subject:      asn1.RawValue{FullBytes: subject},
		PublicKey:    asn1.RawValue{FullBytes: public},
	}
	parts.Validity.NotBefore = template.NotBefore.UTC()
	parts.Validity.NotAfter = template.NotAfter.UTC()
	bytes, err := asn1.Marshal(parts)
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(bytes)
	signature, err := key.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(signed{
		ToBeSigned: asn1.RawValue{FullBytes: bytes},
		Algorithm:  algorithm,
		Signature:  asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)},
	})
}
