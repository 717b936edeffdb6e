// SPDX-License-Identifier: Apache-2.0
//
// Runs the OpenSearch of the class path, one node on loopback, for tests.
//
//      java -cp '...' Server HOME HTTP-PORT TRANSPORT-PORT
//
// The runner's own main swallows why it failed, and takes ports near 9200 that somebody else may have.
import org.codelibs.opensearch.runner.OpenSearchRunner;

public final class Server {
    public static void main(String[] args) throws Exception {
        OpenSearchRunner runner = new OpenSearchRunner();
        runner.onBuild((number, settings) -> {
            settings.put("http.port", args[1]);
            settings.put("transport.port", args[2]);
            settings.put("network.host", "127.0.0.1");
            settings.put("discovery.type", "single-node");
            settings.put("cluster.routing.allocation.disk.threshold_enabled", false);
        });
        Runtime.getRuntime().addShutdownHook(new Thread(() -> close(runner)));
        runner.build(OpenSearchRunner.newConfigs().basePath(args[0]).numOfNode(1).clusterName("sluice-test"));
        Thread.currentThread().join(); // the node's own threads are daemons
    }

    private static void close(OpenSearchRunner runner) {
        try {
            runner.close();
        } catch (Exception e) {
            e.printStackTrace();
        }
    }
}
