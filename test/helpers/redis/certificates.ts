/** Certificates of our own for servers on loopback. */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Paths of PEM files. */
export interface Certificates {
  ca: string
  cert: string
  key: string
  /** What a client needs to trust the server. */
  caText: string
}

/** A new authority, and a certificate of it for 127.0.0.1 and localhost, in `dir`. Needs openssl. */
export function makeCertificates(dir: string): Certificates {
  const file = (name: string): string => join(dir, name)
  const openssl = (...args: string[]): void => { execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] }) }
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  openssl('req', '-x509', ...newKey, '-days', '2', '-subj', '/CN=test authority', '-keyout', file('ca.key'), '-out', file('ca.crt'))
  openssl('req', ...newKey, '-subj', '/CN=localhost', '-keyout', file('server.key'), '-out', file('server.csr'))
  writeFileSync(file('names'), 'subjectAltName=IP:127.0.0.1,DNS:localhost\n')
  openssl('x509', '-req', '-in', file('server.csr'), '-CA', file('ca.crt'), '-CAkey', file('ca.key'), '-CAcreateserial',
    '-days', '2', '-extfile', file('names'), '-out', file('server.crt'))
  return {
    ca: file('ca.crt'), cert: file('server.crt'), key: file('server.key'), caText: readFileSync(file('ca.crt'), 'utf8'),
  }
}
