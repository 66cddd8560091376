"""What the files say together: names that fit, and times that are long enough.

    manifests.py     needs PyYAML
"""

import pathlib
import re
import sys

import yaml

HERE = pathlib.Path(__file__).resolve().parent.parent
# Seconds that a process needs to end once it has drained, generously.
TO_END = 2
# What every object must have besides its name.
REQUIRED = {
    "ConfigMap": ["data"],
    "Deployment": ["spec.replicas", "spec.selector.matchLabels", "spec.template.spec.containers"],
    "StatefulSet": ["spec.serviceName", "spec.selector.matchLabels", "spec.template.spec.containers", "spec.volumeClaimTemplates"],
    "Service": ["spec.selector", "spec.ports"],
    "PodDisruptionBudget": ["spec.selector.matchLabels", "spec.maxUnavailable"],
    "HorizontalPodAutoscaler": ["spec.scaleTargetRef.name", "spec.minReplicas", "spec.maxReplicas", "spec.metrics"],
    "Ingress": ["spec.ingressClassName", "spec.rules", "metadata.annotations"],
    "NetworkPolicy": ["spec.podSelector", "spec.ingress"],
}

wrong = []


def main():
    compose = yaml.safe_load((HERE / "compose.yaml").read_text())
    objects = [it for it in yaml.safe_load_all((HERE / "kubernetes.yaml").read_text()) if it]
    for it in objects:
        check_fields(it)
    check_compose(compose)
    check_kubernetes({(it["kind"], it["metadata"]["name"]): it for it in objects})
    check_balancers()


def check_fields(it):
    name = f"{it.get('kind')} {it.get('metadata', {}).get('name')}"
    demand(it.get("apiVersion") and it.get("kind") in REQUIRED, f"{name}: an unknown kind, or no apiVersion")
    for path in REQUIRED.get(it.get("kind"), []):
        demand(at(it, path) not in (None, [], {}), f"{name}: no {path}")


def check_compose(compose):
    nodes = [it for name, it in compose["services"].items() if name.startswith("node")]
    demand(len(nodes) == 3, "compose: three nodes")
    for node in nodes:
        variables = node["environment"]
        drain = seconds(variables["ASSET_ARBITER_DRAIN_TIMEOUT"])
        demand(seconds(node["stop_grace_period"]) > drain + TO_END, "compose: stop_grace_period is too short for the drain")
        connections = int(variables["ASSET_ARBITER_MAX_CONNECTIONS"])
        demand(node["ulimits"]["nofile"]["soft"] >= connections + 100, "compose: nofile is below --max-connections + 100")
        demand(node["healthcheck"]["test"][-2:] == ["health", "--ready"], "compose: a node's health check asks whether it is ready")
    for name, service in compose["services"].items():
        demand("restart" in service and "healthcheck" in service, f"compose: {name} has no restart policy or health check")
        for network in service["networks"]:
            demand(network in compose["networks"], f"compose: no network {network}")
        image = service["image"]
        demand(re.search(r":\d", image), f"compose: {image} names no version")
    redis = " ".join(compose["services"]["redis"]["command"])
    demand("--appendonly yes" in redis and "--maxmemory-policy noeviction" in redis, "compose: Redis would lose or evict")


def check_kubernetes(objects):
    node = objects["Deployment", "asset-arbiter"]
    pod = node["spec"]["template"]["spec"]
    container = pod["containers"][0]
    for (kind, name), it in objects.items():
        selector = at(it, "spec.selector.matchLabels") or (kind == "Service" and at(it, "spec.selector")) or at(it, "spec.podSelector.matchLabels")
        if selector:
            labels = [at(other, "spec.template.metadata.labels") for other in objects.values()]
            demand(any(selector.items() <= (has or {}).items() for has in labels), f"{kind} {name}: selects nothing here")
    variables = objects["ConfigMap", "asset-arbiter"]["data"]
    demand(all(isinstance(value, str) for value in variables.values()), "ConfigMap: values are strings")
    pause = at(container, "lifecycle.preStop.sleep.seconds")
    drain = seconds(variables["ASSET_ARBITER_DRAIN_TIMEOUT"])
    demand(pod["terminationGracePeriodSeconds"] > pause + drain + TO_END, "terminationGracePeriodSeconds is too short")
    for probe, path in [("startupProbe", "/healthz"), ("readinessProbe", "/readyz"), ("livenessProbe", "/healthz")]:
        demand(at(container, f"{probe}.httpGet.path") == path, f"{probe} asks for {path}")
    ports = {port["name"] for port in container["ports"]}
    demand(objects["Service", "asset-arbiter"]["spec"]["ports"][0]["targetPort"] in ports, "Service: no such port")
    for rule in objects["Ingress", "asset-arbiter"]["spec"]["rules"]:
        for path in rule["http"]["paths"]:
            demand(("Service", at(path, "backend.service.name")) in objects, "Ingress: no such Service")
    scaler = objects["HorizontalPodAutoscaler", "asset-arbiter"]["spec"]
    demand(("Deployment", scaler["scaleTargetRef"]["name"]) in objects, "autoscaler: no such Deployment")
    # Of a rolling restart an asset sees both the old nodes and the new ones.
    remembered = int(re.search(r"REMEMBERED_NODES: usize = (\d+)", (HERE.parent / "src/model/limits.rs").read_text()).group(1))
    demand(2 * scaler["maxReplicas"] <= remembered, f"autoscaler: a store remembers the calls of {remembered} nodes")
    redis = " ".join(objects["StatefulSet", "asset-arbiter-redis"]["spec"]["template"]["spec"]["containers"][0]["args"])
    demand("--appendonly yes" in redis and "--maxmemory-policy noeviction" in redis, "Redis would lose or evict")


def check_balancers():
    """A WebSocket may be silent for as long as the node itself puts up with."""
    flags = (HERE.parent / "src/cli/serve_args.rs").read_text()
    default = lambda flag: seconds(re.search(rf'default_value = "(\w+)"[^\n]*\n\s*pub\(crate\) {flag}:', flags).group(1))
    silence = default("ping_interval") + default("ping_timeout")
    nginx, haproxy = (HERE / "nginx.conf").read_text(), (HERE / "haproxy.cfg").read_text()
    ingress = (HERE / "kubernetes.yaml").read_text()
    for what, pattern, text in [
        ("nginx.conf", r"proxy_read_timeout (\w+);", nginx), ("nginx.conf", r"proxy_send_timeout (\w+);", nginx),
        ("haproxy.cfg", r"timeout tunnel (\w+)", haproxy), ("kubernetes.yaml", r"timeout-tunnel: (\w+)", ingress),
        ("kubernetes.yaml", r'proxy-read-timeout: "(\d+)"', ingress), ("kubernetes.yaml", r'proxy-send-timeout: "(\d+)"', ingress),
    ]:
        demand(seconds(re.search(pattern, text).group(1)) > silence, f"{what}: {pattern} is not above {silence} s")
    connections = int(yaml.safe_load((HERE / "compose.yaml").read_text())["services"]["node1"]["environment"]["ASSET_ARBITER_MAX_CONNECTIONS"])
    for what, pattern, text in [("nginx.conf", r"max_conns=(\d+)", nginx), ("haproxy.cfg", r"rise 2 maxconn (\d+)", haproxy)]:
        demand(int(re.search(pattern, text).group(1)) < connections, f"{what}: {pattern} is not below --max-connections")


def at(it, path):
    for key in path.split("."):
        it = it.get(key) if isinstance(it, dict) else None
    return it


def seconds(text):
    number, unit = re.fullmatch(r"(\d+)(s|m|h|)", str(text)).groups()
    return int(number) * {"": 1, "s": 1, "m": 60, "h": 3600}[unit]


def demand(true, complaint):
    if not true:
        wrong.append(complaint)


if __name__ == "__main__":
    main()
    sys.exit("\n".join(wrong) or 0)
