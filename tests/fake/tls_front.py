# SPDX-License-Identifier: Apache-2.0
"""A TLS server in front of a plain one: tls_front.py DIR PORT [client|forged|once]

Makes an authority (ca.pem), a certificate for 127.0.0.1 (server.pem) and one for clients (client.pem, client.key)
in DIR, listens on a free port, prints it and the authority's fingerprint on one line, and passes bytes on to
127.0.0.1:PORT.  `client`: asks for a client's certificate.  `forged`: shows a certificate of another authority,
with the right authority's in the same chain.  `once`: hangs up after an answer.  DIR/handshakes has a line for each
connection, `full` or `resumed`.  Ends when its standard input does.
"""
import socket
import ssl
import subprocess
import sys
import threading

folder, port = sys.argv[1], int(sys.argv[2])
mode = sys.argv[3] if len(sys.argv) > 3 else ""


def openssl(*args):
    subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True)


def authority(name):
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", f"/CN=test {name}", "-keyout", f"{name}.key", "-out", f"{name}.pem")


def leaf(name, ca, san):
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
            "-keyout", f"{name}.key", "-out", f"{name}.csr")
    with open(f"{folder}/{name}.ext", "w") as f:
        f.write(f"subjectAltName={san}\n")
    openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{ca}.pem", "-CAkey", f"{ca}.key", "-CAcreateserial",
            "-days", "2", "-extfile", f"{name}.ext", "-out", f"{name}.pem")


def pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
            if mode == "once" and isinstance(sink, ssl.SSLSocket):
                break
    except OSError:
        pass
    for s in (source, sink):
        try:
            s.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def serve(plain):
    try:
        front = context.wrap_socket(plain, server_side=True)
    except (OSError, ssl.SSLError):
        return
    with open(f"{folder}/handshakes", "a") as list_of_them:
        list_of_them.write("resumed\n" if front.session_reused else "full\n")
    back = socket.create_connection(("127.0.0.1", port))
    threading.Thread(target=pump, args=(back, front), daemon=True).start()
    pump(front, back)


authority("ca")
authority("other")
leaf("server", "other" if mode == "forged" else "ca", "IP:127.0.0.1")
leaf("client", "ca", "DNS:client")
with open(f"{folder}/chain.pem", "w") as chain:
    for part in ("server.pem", "ca.pem"):
        chain.write(open(f"{folder}/{part}").read())
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(f"{folder}/chain.pem", f"{folder}/server.key")
if mode == "client":
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(f"{folder}/ca.pem")

fingerprint = subprocess.run(["openssl", "x509", "-in", f"{folder}/ca.pem", "-noout", "-fingerprint", "-sha256"],
                             check=True, capture_output=True, text=True).stdout.strip().split("=")[1]
listener = socket.create_server(("127.0.0.1", 0))


def accept():
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()


threading.Thread(target=accept, daemon=True).start()
print(listener.getsockname()[1], fingerprint, flush=True)
sys.stdin.read()
