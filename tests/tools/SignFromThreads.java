import java.io.FileInputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Provider;
import java.security.PublicKey;
import java.security.Security;
import java.security.Signature;
import java.security.cert.CertPathValidator;
import java.security.cert.CertificateFactory;
import java.security.cert.PKIXParameters;
import java.security.cert.TrustAnchor;
import java.security.cert.X509Certificate;
import java.security.spec.MGF1ParameterSpec;
import java.security.spec.PSSParameterSpec;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * Signs from several threads at once with one key of a token, and verifies every signature with the
 * software providers of the JDK. Arguments: provider file, alias, PEM of the root, threads,
 * signatures a thread, algorithms. Prints one line for each algorithm.
 */
class SignFromThreads {
    private static final int LARGEST = 200_000;

    public static void main(String[] arguments) throws Exception {
        Provider token = Security.getProvider("SunPKCS11").configure(arguments[0]);
        String pin = System.getenv("PIN");
        KeyStore store = KeyStore.getInstance("PKCS11", token);
        store.load(null, pin == null ? null : pin.toCharArray());
        PrivateKey key = (PrivateKey) store.getKey(arguments[1], null);
        PublicKey publicKey = publicKeyTrustedBy(arguments[2], store, arguments[1]);
        int threads = Integer.parseInt(arguments[3]);
        int each = Integer.parseInt(arguments[4]);
        for (String algorithm : Arrays.copyOfRange(arguments, 5, arguments.length)) {
            int verified = run(threads, each, algorithm, token, key, publicKey);
            System.out.println(algorithm + " " + verified);
        }
    }

    /** Of a certificate whose chain, as the token has it, leads to this root. */
    private static PublicKey publicKeyTrustedBy(String root, KeyStore store, String alias)
            throws Exception {
        CertificateFactory factory = CertificateFactory.getInstance("X.509");
        TrustAnchor anchor;
        try (FileInputStream file = new FileInputStream(root)) {
            anchor = new TrustAnchor((X509Certificate) factory.generateCertificate(file), null);
        }
        PKIXParameters parameters = new PKIXParameters(Set.of(anchor));
        parameters.setRevocationEnabled(false);
        var chain = new ArrayList<>(List.of(store.getCertificateChain(alias)));
        chain.remove(chain.size() - 1); // the root itself is no part of a path
        CertPathValidator.getInstance("PKIX").validate(factory.generateCertPath(chain), parameters);
        // Encoded and read again: a key of the software provider, not of the token.
        PublicKey found = chain.get(0).getPublicKey();
        var encoded = new java.security.spec.X509EncodedKeySpec(found.getEncoded());
        return java.security.KeyFactory.getInstance(found.getAlgorithm(), software(found))
                .generatePublic(encoded);
    }

    private static String software(java.security.Key key) {
        return key.getAlgorithm().equals("EC") ? "SunEC" : "SunRsaSign";
    }

    private static int run(
            int threads, int each, String algorithm, Provider token, PrivateKey key, PublicKey other)
            throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(threads);
        try {
            CyclicBarrier together = new CyclicBarrier(threads);
            List<Callable<Integer>> work = new ArrayList<>();
            for (int number = 0; number < threads; number++) {
                Random random = new Random(number);
                work.add(() -> {
                    together.await();
                    Signature signer = prepared(algorithm, token);
                    signer.initSign(key);
                    int verified = 0;
                    for (int round = 0; round < each; round++) {
                        byte[] data = new byte[random.nextInt(LARGEST)];
                        random.nextBytes(data);
                        if (verifies(sign(signer, data), data, algorithm, other)) {
                            verified++;
                        }
                    }
                    return verified;
                });
            }
            int verified = 0;
            for (Future<Integer> result : pool.invokeAll(work)) {
                verified += result.get();
            }
            return verified;
        } finally {
            pool.shutdown();
        }
    }

    private static byte[] sign(Signature signer, byte[] data) throws Exception {
        int half = data.length / 2;
        signer.update(data, 0, half);
        signer.update(data, half, data.length - half);
        return signer.sign();
    }

    private static boolean verifies(byte[] signature, byte[] data, String algorithm, PublicKey key)
            throws Exception {
        Signature verifier = prepared(algorithm, Security.getProvider(software(key)));
        verifier.initVerify(key);
        verifier.update(data);
        if (!verifier.verify(signature)) {
            return false;
        }
        verifier.update(data);
        verifier.update((byte) 0);
        return !verifier.verify(signature); // of other data, it must not verify
    }

    /** With parameters where the algorithm wants some: PSS/512 is PSS with SHA-512. */
    private static Signature prepared(String algorithm, Provider provider) throws Exception {
        if (!algorithm.startsWith("PSS/")) {
            return Signature.getInstance(algorithm, provider);
        }
        String bits = algorithm.substring(4);
        Signature signature = Signature.getInstance("RSASSA-PSS", provider);
        signature.setParameter(new PSSParameterSpec(
                "SHA-" + bits, "MGF1", new MGF1ParameterSpec("SHA-" + bits),
                Integer.parseInt(bits) / 8, 1));
        return signature;
    }
}
