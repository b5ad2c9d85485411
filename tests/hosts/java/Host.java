import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Provider;
import java.security.ProviderException;
import java.security.Security;
import java.security.Signature;
import java.util.HexFormat;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** A Java program that changes its mind. Host CONFIGURATION ALIAS ALGORITHM WHAT */
class Host {
  private static final int THREADS = 8;
  private static final int TIMES = 10;

  private static PrivateKey key;
  private static Provider provider;
  private static String algorithm;
  private static final BufferedReader in = new BufferedReader(new InputStreamReader(System.in));

  public static void main(String[] arguments) throws Exception {
    provider = Security.getProvider("SunPKCS11").configure(arguments[0]);
    algorithm = arguments[2];
    KeyStore store = KeyStore.getInstance("PKCS11", provider);
    store.load(null, null);
    key = (PrivateKey) store.getKey(arguments[1], null);
    switch (arguments[3]) {
      case "forget" -> forget();
      case "begin-anew" -> beginAnew();
      case "interrupt" -> interrupt();
      case "restart" -> restart();
      case "exit" -> exit();
      default -> throw new IllegalArgumentException(arguments[3]);
    }
  }

  /** Gives signatures up: forgets them, or begins anew with the same object. */
  private static void forget() throws Exception {
    for (int i = 0; i < TIMES; i++) begin(Signature.getInstance(algorithm, provider));
    System.gc();
    say("kept", sign("kept"));
  }

  private static void beginAnew() throws Exception {
    int refused = 0;
    Signature begun = Signature.getInstance(algorithm, provider);
    begin(begun);
    for (int i = 0; i < TIMES; i++) {
      try {
        begin(begun);
      } catch (ProviderException fault) {
        refused++;
        begun = Signature.getInstance(algorithm, provider);
        begin(begun);
      }
    }
    System.out.println("refused " + refused);
    say("kept", sign("kept"));
  }

  private static void begin(Signature signature) throws Exception {
    signature.initSign(key);
    signature.update("given up".getBytes());
  }

  /** Cancels a task in the middle of its request; the thread that it ran on signs again. */
  private static void interrupt() throws Exception {
    ExecutorService executor = Executors.newSingleThreadExecutor();
    CountDownLatch ended = new CountDownLatch(1);
    Future<?> task =
        executor.submit(
            () -> {
              try {
                byte[] made = sign("interrupted");
                if (!Thread.interrupted()) throw new AssertionError("no interrupt is left");
                say("interrupted", made);
              } catch (Exception fault) {
                fault.printStackTrace();
              } finally {
                ended.countDown();
              }
            });
    in.readLine();
    if (!task.cancel(true)) throw new AssertionError("it ended too early");
    System.out.println("cancelled");
    ended.await();
    Callable<byte[]> again = () -> sign("again");
    say("again", executor.submit(again).get());
    executor.shutdown();
  }

  /** The server is another one between two signatures. */
  private static void restart() throws Exception {
    say("before", sign("before"));
    System.out.println("signed");
    in.readLine();
    say("after", sign("after"));
  }

  /** Ends while threads sign. */
  private static void exit() throws Exception {
    CountDownLatch signing = new CountDownLatch(THREADS);
    for (int i = 0; i < THREADS; i++) {
      Thread thread =
          new Thread(
              () -> {
                try {
                  for (int round = 0; ; round++) {
                    sign("until");
                    if (round == 0) signing.countDown();
                  }
                } catch (Exception fault) {
                  fault.printStackTrace();
                }
              });
      thread.setDaemon(true);
      thread.start();
    }
    signing.await();
    System.exit(42);
  }

  private static byte[] sign(String data) throws Exception {
    Signature signature = Signature.getInstance(algorithm, provider);
    signature.initSign(key);
    signature.update(data.getBytes());
    return signature.sign();
  }

  private static void say(String data, byte[] made) {
    System.out.println("signature " + data + " " + HexFormat.of().formatHex(made));
  }
}
