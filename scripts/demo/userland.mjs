// A real root filesystem for the base layer: Debian's busybox-static package where apt can fetch it, else programs of the
// running system with the libraries that they need.
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'

const DIRECTORIES = ['bin', 'dev', 'etc', 'proc', 'root', 'sys', 'tmp', 'usr/share', 'var/log']
const PROGRAMS = ['sh', 'cat', 'ls', 'echo', 'uname', 'wc', 'head', 'sort', 'find', 'id']

/** Fills a directory with a userland; answers where it came from. */
export function fillUserland(target, scratch) {
  for (const name of DIRECTORIES) mkdirSync(join(target, name), { recursive: true })
  writeFileSync(join(target, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n')
  writeFileSync(join(target, 'etc/os-release'), 'NAME="graphdriver demo"\nVERSION_ID=0\n')
  return busyboxPackage(target, scratch) ?? busyboxOfSystem(target) ?? programsOfSystem(target)
}

function busyboxPackage(target, scratch) {
  const apt = spawnSync('apt-get', ['-qq', '-o=Acquire::Retries=0', 'download', 'busybox-static'], {
    cwd: scratch,
    encoding: 'utf8',
    timeout: 60_000,
  })
  const archive = apt.status === 0 ? readdirSync(scratch).find((name) => name.endsWith('.deb')) : undefined
  if (archive === undefined) return undefined
  const unpacked = join(scratch, 'package')
  if (spawnSync('dpkg-deb', ['-x', join(scratch, archive), unpacked]).status !== 0) return undefined
  const program = ['bin/busybox', 'usr/bin/busybox'].map((path) => join(unpacked, path)).find(existsSync)
  return program === undefined ? undefined : busybox(target, program, `Debian's package ${archive}`)
}

function busyboxOfSystem(target) {
  const program = ['/bin/busybox', '/usr/bin/busybox'].find(existsSync)
  // One that is linked dynamically would not run in a root without libraries.
  if (program === undefined || spawnSync('ldd', [program]).status === 0) return undefined
  return busybox(target, program, `this system's ${program}`)
}

function busybox(target, program, origin) {
  copyFileSync(program, join(target, 'bin/busybox'))
  chmodSync(join(target, 'bin/busybox'), 0o755)
  const { stdout } = spawnSync(program, ['--list'], { encoding: 'utf8' })
  const names = stdout.split('\n').filter((name) => name !== '' && name !== 'busybox')
  for (const name of names) symlinkSync('busybox', join(target, 'bin', name))
  return `${origin}, ${names.length} programs in one file`
}

function programsOfSystem(target) {
  const found = PROGRAMS.map((name) =>
    ['/bin', '/usr/bin'].map((dir) => join(dir, name)).find(existsSync),
  ).filter(Boolean)
  for (const program of found) {
    copyTo(target, realpathSync(program), join('/bin', basename(program)))
    const { stdout } = spawnSync('ldd', [program], { encoding: 'utf8' })
    for (const [library] of (stdout ?? '').matchAll(/\/[^ )]+/g))
      copyTo(target, realpathSync(library), library)
  }
  return `${found.length} programs of this system, with their libraries`
}

function copyTo(target, from, path) {
  const to = join(target, path)
  if (existsSync(to)) return
  mkdirSync(dirname(to), { recursive: true })
  copyFileSync(from, to)
  chmodSync(to, 0o755)
}
