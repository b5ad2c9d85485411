//! Signs each file that is named on stdin, for as long as names come, into FILE.sig (r‖s of EC keys).

use std::{env, error::Error, fs, io};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;

type Fallible<T> = Result<T, Box<dyn Error>>;

fn find(session: &Session) -> Fallible<ObjectHandle> {
    let keys = session.find_objects(&[Attribute::Class(ObjectClass::PRIVATE_KEY)])?;
    Ok(*keys.first().ok_or("no private key")?)
}

fn sign(session: &Session, key: ObjectHandle, name: &str) -> Fallible<()> {
    let kind = session.get_attributes(key, &[AttributeType::KeyType])?;
    let mechanism = if kind == [Attribute::KeyType(KeyType::EC)] {
        Mechanism::EcdsaSha256
    } else {
        Mechanism::Sha256RsaPkcs
    };
    let signature = session.sign(&mechanism, key, &fs::read(name)?)?;
    Ok(fs::write(format!("{name}.sig"), signature)?)
}

fn main() -> Fallible<()> {
    let module = Pkcs11::new(env::var("MODULE")?)?;
    module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))?;
    let number: u64 = env::var("SLOT")?.parse()?;
    let session = module.open_ro_session(number.try_into()?)?;
    if let Ok(pin) = env::var("PIN") {
        session.login(UserType::User, Some(&AuthPin::new(pin.into())))?;
    }
    let mut key = find(&session)?;
    for name in io::stdin().lines() {
        let name = name?;
        if let Err(fault) = sign(&session, key, &name) {
            eprintln!("{fault}");
            key = find(&session)?; // a renewal makes a new key: look once more
            sign(&session, key, &name)?;
        }
        println!("{name}.sig");
    }
    Ok(())
}
