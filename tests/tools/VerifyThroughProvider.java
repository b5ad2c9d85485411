import java.io.FileInputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Security;
import java.security.Signature;
import java.security.cert.CertificateFactory;
import java.security.spec.MGF1ParameterSpec;
import java.security.spec.PSSParameterSpec;

/**
 * Verifies with SunPKCS11, named explicitly, by the public key of a certificate in a file. Arguments:
 * provider file, alias, certificate, how often, and algorithms ("PSS/256" for RSASSA-PSS).
 */
class VerifyThroughProvider {
    public static void main(String[] arguments) throws Exception {
        var token = Security.getProvider("SunPKCS11").configure(arguments[0]);
        KeyStore store = KeyStore.getInstance("PKCS11", token);
        store.load(null, null);
        PrivateKey privateKey = (PrivateKey) store.getKey(arguments[1], null);
        PublicKey publicKey;
        try (var file = new FileInputStream(arguments[2])) {
            publicKey = CertificateFactory.getInstance("X.509").generateCertificate(file).getPublicKey();
        }
        byte[] data = Files.readAllBytes(Path.of(arguments[0]));
        for (int i = 4; i < arguments.length; ++i) {
            Signature signing = of(arguments[i], token);
            signing.initSign(privateKey);
            signing.update(data);
            byte[] signature = signing.sign();
            int right = 0;
            int wrong = 0;
            for (int n = 0; n < Integer.parseInt(arguments[3]); ++n) {
                Signature verifying = of(arguments[i], token);
                verifying.initVerify(publicKey);
                verifying.update(data);
                right += verifying.verify(signature) ? 1 : 0;
                verifying.update((byte) 0);
                wrong += verifying.verify(signature) ? 1 : 0;
            }
            System.out.println(arguments[i] + " " + right + " " + wrong);
        }
    }

    private static Signature of(String algorithm, java.security.Provider token) throws Exception {
        if (!algorithm.startsWith("PSS/")) {
            return Signature.getInstance(algorithm, token);
        }
        int bits = Integer.parseInt(algorithm.substring(4));
        Signature signature = Signature.getInstance("RSASSA-PSS", token);
        String hash = "SHA-" + bits;
        signature.setParameter(
                new PSSParameterSpec(hash, "MGF1", new MGF1ParameterSpec(hash), bits / 8, 1));
        return signature;
    }
}
