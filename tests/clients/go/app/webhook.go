package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"net/http"
	"os"
	"time"
)

// What another team's webhook adds to every container that it sees: this variable, an envFrom of this ConfigMap, and a
// mount of this volume.
const platform = "platform"

type object = map[string]any

// webhook adds to every container of the pods that it is sent, as other injectors do, under a certificate that it
// makes for HOST and prints.
func webhook(arguments []string) error {
	if len(arguments) != 1 {
		return errors.New("usage: app webhook HOST")
	}
	certificate, err := selfSigned(arguments[0])
	if err != nil {
		return err
	}
	server := http.Server{
		Addr:              ":9443",
		Handler:           http.HandlerFunc(review),
		ReadHeaderTimeout: 10 * time.Second,
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{certificate}},
	}
	if err := pem.Encode(os.Stdout, &pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]}); err != nil {
		return err
	}
	return server.ListenAndServeTLS("", "")
}

func selfSigned(host string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: host},
		DNSNames:              []string{host},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(24 * time.Hour),
		BasicConstraintsValid: true,
		IsCA:                  true,
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

func review(writer http.ResponseWriter, request *http.Request) {
	var asked struct {
		Request struct {
			UID    string `json:"uid"`
			Object object `json:"object"`
		} `json:"request"`
	}
	if err := json.NewDecoder(request.Body).Decode(&asked); err != nil {
		http.Error(writer, err.Error(), http.StatusBadRequest)
		return
	}
	response := object{"uid": asked.Request.UID, "allowed": true}
	if spec, ok := asked.Request.Object["spec"].(object); ok && add(spec) {
		patch, err := json.Marshal([]object{{"op": "replace", "path": "/spec", "value": spec}})
		if err != nil {
			http.Error(writer, err.Error(), http.StatusInternalServerError)
			return
		}
		response["patchType"], response["patch"] = "JSONPatch", patch // as base64
	}
	writer.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(writer).Encode(object{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response})
}

// add reports whether anything was missing.
func add(spec object) bool {
	changed := false
	for _, list := range []string{"initContainers", "containers"} {
		containers, _ := spec[list].([]any)
		for _, one := range containers {
			container, ok := one.(object)
			if !ok || has(container["env"], "PLATFORM") {
				continue
			}
			changed = true
			container["env"] = appended(container["env"], object{"name": "PLATFORM", "value": "true"})
			container["envFrom"] = appended(container["envFrom"], object{"configMapRef": object{"name": platform}})
			container["volumeMounts"] = appended(container["volumeMounts"], object{"name": platform, "mountPath": "/etc/platform", "readOnly": true})
		}
	}
	if changed && !has(spec["volumes"], platform) {
		spec["volumes"] = appended(spec["volumes"], object{"name": platform, "configMap": object{"name": platform}})
	}
	return changed
}

func appended(list any, item object) []any {
	own, _ := list.([]any)
	return append(own, item)
}

func has(list any, name string) bool {
	own, _ := list.([]any)
	for _, one := range own {
		if item, ok := one.(object); ok && item["name"] == name {
			return true
		}
	}
	return false
}
