// Signs the file app.bin into app.sig (r‖s of EC keys).
package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/miekg/pkcs11"
)

func sign(module *pkcs11.Ctx, slot uint, data []byte) ([]byte, error) {
	session, err := module.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION)
	if err != nil {
		return nil, err
	}
	defer module.CloseSession(session)
	if pin := os.Getenv("PIN"); pin != "" {
		if err := module.Login(session, pkcs11.CKU_USER, pin); err != nil {
			return nil, err
		}
	}
	private := pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY)
	if err := module.FindObjectsInit(session, []*pkcs11.Attribute{private}); err != nil {
		return nil, err
	}
	keys, _, err := module.FindObjects(session, 1)
	if err != nil {
		return nil, err
	}
	if err := module.FindObjectsFinal(session); err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return nil, errors.New("no private key")
	}
	kind := []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, nil)}
	if kind, err = module.GetAttributeValue(session, keys[0], kind); err != nil {
		return nil, err
	}
	mechanism := uint(pkcs11.CKM_SHA256_RSA_PKCS)
	if kind[0].Value[0] == pkcs11.CKK_EC {
		mechanism = pkcs11.CKM_ECDSA_SHA256
	}
	mechanisms := []*pkcs11.Mechanism{pkcs11.NewMechanism(mechanism, nil)}
	if err := module.SignInit(session, mechanisms, keys[0]); err != nil {
		return nil, err
	}
	return module.Sign(session, data)
}

func run() error {
	slot, err := strconv.ParseUint(os.Getenv("SLOT"), 10, 32)
	if err != nil {
		return err
	}
	data, err := os.ReadFile("app.bin")
	if err != nil {
		return err
	}
	module := pkcs11.New(os.Getenv("MODULE"))
	if module == nil {
		return errors.New("the module cannot be loaded")
	}
	if err := module.Initialize(); err != nil {
		return err
	}
	defer module.Finalize()
	signature, err := sign(module, uint(slot), data)
	if err != nil {
		return err
	}
	return os.WriteFile("app.sig", signature, 0o644)
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
