# SPDX-License-Identifier: Apache-2.0
"""Every file under docker/: the published schemas, the "restricted" Pod Security Standard, configurations that the programs
accept, and names, ports and users that agree from one file to the next."""
import json
import re
import shutil
import subprocess

import yaml

from harness import BIN, ROOT, Case, run

DOCKER = ROOT / "docker"
K8S = DOCKER / "k8s"
VENV = ROOT / "build/venv"
VALIDATOR = "kubernetes-validate==1.37.0"
CUSTOM_SCHEMAS = {"keda.sh": "@kubernetes-models/keda@2.0.0", "monitoring.coreos.com": "@kubernetes-models/prometheus-operator@6.0.0"}
WITHOUT_RESTRICTION = {"daemonset"}             # reads files of the node


class Manifests(Case):
    needs_servers = False
    order = 11

    def test(self):
        run("./dev", "deps", "deploy", timeout=600)
        self.objects = []                       # (folder, path, object)
        for path in sorted(K8S.rglob("*.yaml")):
            if path.name != "kustomization.yaml":
                self.objects += [(path.parent.name, path, o) for o in yaml.safe_load_all(path.read_text())]
        self.figures["objects"] = len(self.objects)
        self.files_are_named()
        self.schemas()
        self.custom_schemas()
        self.rules_are_fresh()
        for folder, path, thing in self.objects:
            if pod := self.pod_of(thing):
                self.pod(folder, path, thing, pod)
        self.configurations()
        self.scaling()
        self.dockerfile()

    # --- kustomize ---

    def files_are_named(self):
        for kustomization in K8S.rglob("kustomization.yaml"):
            for name in yaml.safe_load(kustomization.read_text())["resources"]:
                self.check((kustomization.parent / name).exists(), f"{kustomization}: {name} is not there")
        for _, path, _ in self.objects:
            named = yaml.safe_load((path.parent / "kustomization.yaml").read_text())["resources"]
            self.check(path.name in named, f"{path} is in no kustomization")

    # --- schemas ---

    def schemas(self):
        if not (VENV / "bin/kubernetes-validate").exists():
            run("python3", "-m", "venv", str(VENV))
            run(str(VENV / "bin/pip"), "-q", "install", VALIDATOR, timeout=300)
        files = sorted({str(path) for _, path, o in self.objects if not self.is_custom(o)})
        run(str(VENV / "bin/kubernetes-validate"), "--strict", "--quiet", *files, timeout=120)

    @staticmethod
    def is_custom(thing):
        return thing["apiVersion"].split("/")[0] in CUSTOM_SCHEMAS

    def custom_schemas(self):
        """KEDA's and the Prometheus operator's; --long, for they come with a world of packages."""
        if not self.options.long:
            return
        if not shutil.which("npm"):
            run("./dev", "deps", "schemas", timeout=900)
        run("npm", "install", "--no-audit", "--no-fund", "--prefix", str(self.dir / "npm"), *CUSTOM_SCHEMAS.values(), timeout=300)
        for _, path, thing in self.objects:
            if self.is_custom(thing):
                group, version = thing["apiVersion"].split("/")
                package = CUSTOM_SCHEMAS[group].rsplit("@", 1)[0]
                script = (f"import {{ {thing['kind']} }} from '{package}/{group}/{version}';"
                          f"new {thing['kind']}({json.dumps(thing)}).validate();")
                done = subprocess.run(["node", "--input-type=module", "-e", script], cwd=self.dir / "npm", capture_output=True, text=True, check=False)
                self.check(done.returncode == 0, f"{path}: {thing['kind']}: {done.stderr[-1500:]}")

    def rules_are_fresh(self):
        made = self.dir / "rules.yaml"
        run(str(K8S / "rules.sh"), str(made))
        self.check(made.read_text() == (K8S / "monitoring/rules.yaml").read_text(), "monitoring/rules.yaml is stale: run docker/k8s/rules.sh")

    # --- pods ---

    @staticmethod
    def pod_of(thing):
        return thing["spec"]["template"]["spec"] if thing["kind"] in ("Deployment", "DaemonSet") else None

    def named(self, kind, name, folder):
        found = [o for f, _, o in self.objects if f == folder and o["kind"] == kind and o["metadata"]["name"] == name]
        self.check(found, f"{folder}: there is no {kind} {name}")
        return found[0]

    def pod(self, folder, path, thing, pod):
        labels = thing["spec"]["template"]["metadata"]["labels"]
        matches = thing["spec"]["selector"]["matchLabels"]
        self.check(matches.items() <= labels.items(), f"{path}: its selector does not find its pods")
        for volume in pod["volumes"]:
            if "configMap" in volume:
                self.named("ConfigMap", volume["configMap"]["name"], folder)
            if "secret" in volume:
                self.named("Secret", volume["secret"]["secretName"], folder)
        if "serviceAccountName" in pod:
            self.named("ServiceAccount", pod["serviceAccountName"], folder)
        self.check(pod.get("automountServiceAccountToken") is False, f"{path}: a pod gets a token that it does not need")
        volumes = {v["name"] for v in pod["volumes"]}
        for container in [*pod.get("initContainers", ()), *pod["containers"]]:
            where = f"{path}: {container['name']}"
            self.check({m["name"] for m in container["volumeMounts"]} <= volumes, f"{where}: a volume is not there")
            self.check(all("subPath" not in m for m in container["volumeMounts"]), f"{where}: subPath is never renewed")
            ports = {p["name"] for p in container.get("ports", ())}
            for probe in ("livenessProbe", "readinessProbe"):
                if probe in container:
                    self.check(container[probe]["httpGet"]["port"] in ports, f"{where}: {probe} asks a port that is not there")
            self.hardened(folder, where, pod, container)
        for sidecar in pod.get("initContainers", ()):
            self.check(sidecar.get("restartPolicy") == "Always", f"{path}: {sidecar['name']} is no sidecar")
            self.check("readinessProbe" not in sidecar, f"{path}: {sidecar['name']}: its readiness would be the pod's")

    def hardened(self, folder, where, pod, container):
        """https://kubernetes.io/docs/concepts/security/pod-security-standards/, restricted; and a root that is read-only."""
        outer, inner = pod["securityContext"], container["securityContext"]
        self.check(inner["allowPrivilegeEscalation"] is False and not inner.get("privileged"), f"{where}: may gain privileges")
        self.check(inner["capabilities"] == {"drop": ["ALL"]}, f"{where}: capabilities")
        self.check(inner["readOnlyRootFilesystem"] is True, f"{where}: may write to its root")
        self.check(outer["seccompProfile"]["type"] == "RuntimeDefault", f"{where}: seccomp")
        self.check(not any(pod.get(k) for k in ("hostNetwork", "hostPID", "hostIPC")), f"{where}: shares the node's namespaces")
        if folder in WITHOUT_RESTRICTION:
            return
        self.check(outer["runAsNonRoot"] is True and inner.get("runAsUser", outer["runAsUser"]) != 0, f"{where}: runs as root")
        kinds = {k for v in pod["volumes"] for k in v if k != "name"}
        self.check(kinds <= {"configMap", "emptyDir", "secret", "projected", "downwardAPI", "persistentVolumeClaim"}, f"{where}: volumes {kinds}")
        namespace = yaml.safe_load((K8S / folder / "kustomization.yaml").read_text())["namespace"]
        made = next(o for _, _, o in self.objects if o["kind"] == "Namespace" and o["metadata"]["name"] == namespace)
        self.check(made["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted", f"{namespace} is not restricted")

    # --- configurations ---

    def accepted(self, program, path, where):
        """No error of configuration (78); that the servers are not there is another matter."""
        done = subprocess.run([BIN / program, "check", "-c", path, "--set", 'start_timeout="100 ms"', "--state", self.dir / "state"]
                              if program == "sluice-shipper" else
                              [BIN / program, "check", "-c", path, "--set", 'start_timeout="100 ms"'],
                              env={"NODE_NAME": "node-1", "POD_NAME": "pod-1"}, capture_output=True, text=True, timeout=60, check=False)
        self.check(done.returncode != 78, f"{where}: {done.stdout}{done.stderr}")
        self.check(re.search(r"^ok +config", done.stdout, re.M), f"{where}: {done.stdout}{done.stderr}")

    def configurations(self):
        secrets = self.dir / "secrets"
        secrets.mkdir()
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=ca", "-days", "2",
                        "-keyout", secrets / "key", "-out", secrets / "ca.crt"], capture_output=True, check=True)
        (secrets / "api_key").write_text("bm90OnJlYWw=")
        files = list(DOCKER.rglob("*.cfg")) + list((ROOT / "packaging").glob("*.cfg"))
        for folder, _, thing in self.objects:
            if thing["kind"] == "ConfigMap":
                for name, text in thing["data"].items():
                    path = self.dir / f"{folder}-{name}"
                    path.write_text(text.replace("/run/secrets/sluice", str(secrets)))
                    files.append(path)
        for path in files:
            self.accepted("sluice-collector" if "collector" in path.name else "sluice-shipper", path, path)
        self.figures["configurations"] = len(files)
        self.ports()

    def ports(self):
        """The port in a configuration is the container's, the NetworkPolicy's and the Service's."""
        for folder, path, thing in self.objects:
            if thing["kind"] != "ConfigMap":
                continue
            port = int(re.search(r'http = "[^"]*:(\d+)"', "".join(thing["data"].values()))[1])
            pods = [self.pod_of(o) for f, _, o in self.objects if f == folder and self.pod_of(o)]
            declared = {p["containerPort"] for pod in pods for c in [*pod.get("initContainers", ()), *pod["containers"]] for p in c.get("ports", ())}
            self.check(declared == {port}, f"{path}: http listens on {port}, containers declare {declared}")
            policy = next(o for f, _, o in self.objects if f == folder and o["kind"] == "NetworkPolicy")
            self.check(policy["spec"]["ingress"][0]["ports"][0]["port"] == port, f"{folder}: the NetworkPolicy lets another port in")
        service = self.named("Service", "sluice-collector", "monitoring")
        self.check(service["spec"]["ports"][0]["port"] == 9601, "the Service's port")

    # --- the rest ---

    def scaling(self):
        rules = (DOCKER / "prometheus/recording.yml").read_text()
        for folder in ("keda", "keda-predict", "hpa"):
            thing = next(o for f, _, o in self.objects if f == folder)
            deployment = self.named("Deployment", thing["spec"]["scaleTargetRef"]["name"], "collector")
            self.check("replicas" not in deployment["spec"], "the Deployment and its autoscaler would fight for the number of replicas")
        query = next(o for f, _, o in self.objects if f == "keda-predict")["spec"]["triggers"][1]["metadata"]["query"]
        for name in re.findall(r"sluice:[a-z0-9_:]+", query):
            self.check(f"record: {name}" in rules, f"{name} is not recorded")
        config = "".join(self.named("ConfigMap", "sluice-collector", "collector")["data"].values())
        trigger = next(o for f, _, o in self.objects if f == "keda")["spec"]["triggers"][0]["metadata"]
        for key, pattern in (("bootstrapServers", r'brokers = "([^"]+)"'), ("consumerGroup", r'group = "([^"]+)"'), ("topic", r'topics = \[ "([^"]+)"')):
            self.check(trigger[key] == re.search(pattern, config)[1], f"keda: {key} is not the collector's")

    def dockerfile(self):
        text = (DOCKER / "Dockerfile").read_text()
        for line in re.findall(r"^COPY (?!--from)(.+)$", text, re.M):
            for source in line.split()[:-1]:
                self.check((ROOT / source).exists(), f"Dockerfile: COPY {source}: not there")
        targets = set(re.findall(r"^FROM \S+ AS (\S+)", text, re.M))
        compose = (DOCKER / "docker-compose.yml").read_text()
        self.check(set(re.findall(r"target: (\S+) ", compose)) <= targets, "docker-compose.yml builds a target that is not there")
        users = dict(re.findall(r"--uid (\d+) .* (sluice-\w+) &&", text))
        for folder, _, thing in self.objects:
            for container in [*(self.pod_of(thing) or {}).get("initContainers", ()), *(self.pod_of(thing) or {"containers": ()})["containers"]]:
                if folder not in WITHOUT_RESTRICTION and container["image"].startswith("sluice-"):
                    user = container["securityContext"].get("runAsUser", self.pod_of(thing)["securityContext"]["runAsUser"])
                    self.check(users.get(str(user)) == container["image"], f"{folder}: {container['image']} does not run as the image's user")
