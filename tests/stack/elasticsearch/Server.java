// SPDX-License-Identifier: Apache-2.0
//
// Runs the Elasticsearch of the class path.  The published jars hold the whole server but not the start script and
// the launcher, so this does by hand what they do: logging first, then settings, modules, node.
//
//      java -Des.path.home=HOME -cp '...' Server       HOME/config/elasticsearch.yml  HOME/modules/transport-netty4
//
// Without the launcher there is no entitlement policy and no bootstrap check: it is a server for tests, on loopback.
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;
import org.elasticsearch.node.InternalSettingsPreparer;
import org.elasticsearch.node.Node;
import org.elasticsearch.plugins.PluginsLoader;

public final class Server {
    private static final String NAME = System.getProperty("sluice.node", "sluice-test");

    public static void main(String[] args) throws Exception {
        Path home = Path.of(System.getProperty("es.path.home"));
        LogConfigurator.configureESLogging();
        LogConfigurator.setNodeName(NAME);
        Settings settings = Settings.builder().put("path.home", home.toString()).build();
        Environment env =
                InternalSettingsPreparer.prepareEnvironment(settings, Map.of(), home.resolve("config"), () -> NAME);
        PluginsLoader loader = PluginsLoader.createPluginsLoader(
                PluginsLoader.loadModulesBundles(env.modulesDir()), Set.of(), Map.of(), false);
        Node node = new Node(env, loader);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> close(node)));
        node.start();
        Thread.currentThread().join(); // the node's own threads are daemons
    }

    private static void close(Node node) {
        try {
            node.close();
        } catch (IOException e) {
            e.printStackTrace();
        }
    }
}
