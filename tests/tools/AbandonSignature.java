import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Security;
import java.security.Signature;

/**
 * Begins a signature, gives it up for another one, and finishes that. Arguments: provider file,
 * alias, algorithm, and how many bytes go into each.
 */
class AbandonSignature {
    public static void main(String[] arguments) throws Exception {
        var token = Security.getProvider("SunPKCS11").configure(arguments[0]);
        KeyStore store = KeyStore.getInstance("PKCS11", token);
        store.load(null, null);
        PrivateKey key = (PrivateKey) store.getKey(arguments[1], null);
        byte[] data = new byte[Integer.parseInt(arguments[3])];
        Signature signature = Signature.getInstance(arguments[2], token);
        signature.initSign(key);
        signature.update(data);
        signature.initSign(key);
        signature.update(data);
        signature.sign();
    }
}
