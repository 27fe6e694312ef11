// For kernels without 9p: an ext4 image with the checkout, Node and the programs that the suites run.
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, realpathSync, symlinkSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { capture, root } from '../run.mjs'

const programs = [
  'sh',
  'env',
  'cat',
  'test',
  'true',
  'ls',
  'cp',
  'rm',
  'sleep',
  'mount',
  'umount',
  'unshare',
  'setpriv',
  'nsenter',
]
const more = [
  'chroot',
  'busybox',
  'strace',
  'flock',
  'readelf',
  'tar',
  'stat',
  'mknod',
  'setfattr',
  'getfattr',
  'modprobe',
]
/** Not needed to run the suites. */
const heavy = /^(\.git|build\/vm|build\/(asan|tsan|coverage|debug))$/

/** Not the shell's `command -v`, which answers its own builtins by name only. */
function which(name) {
  const directories = `${process.env.PATH}:/usr/sbin:/sbin`.split(':')
  return directories.map((directory) => join(directory, name)).find((path) => existsSync(path))
}

function libraries(program) {
  const text = capture('ldd', [program]) ?? ''
  return [...text.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map(([, path]) => path)
}

/** Copies a file to where it lies on the host, links of its directories resolved. */
function add(tree, path) {
  const target = join(tree, realpathSync(dirname(path)), basename(path))
  mkdirSync(dirname(target), { recursive: true })
  cpSync(realpathSync(path), target)
}

function userland(tree) {
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) {
    mkdirSync(join(tree, 'usr', name), { recursive: true })
    symlinkSync(`usr/${name}`, join(tree, name))
  }
  for (const name of ['proc', 'sys', 'dev', 'run', 'tmp', 'etc', 'root', 'mnt']) mkdirSync(join(tree, name))
  const found = [...programs, ...more].map(which).filter((path) => path !== undefined)
  const all = new Set([process.execPath, ...found].flatMap((path) => [path, ...libraries(path)]))
  for (const path of all) add(tree, path)
  for (const path of ['/etc/passwd', '/etc/group']) if (existsSync(path)) add(tree, path)
}

/** Makes the image below `work`; answers its path. */
export function makeImage(work) {
  const tree = mkdtempSync(join(work, 'image-'))
  userland(tree)
  cpSync(root, join(tree, root), {
    recursive: true,
    verbatimSymlinks: true,
    filter: (source) => !heavy.test(source.slice(root.length + 1)),
  })
  const image = join(work, 'root.ext4')
  const args = ['-q', '-F', '-t', 'ext4', '-d', tree, image, '1500M']
  const done = spawnSync('mke2fs', args, {
    encoding: 'utf8',
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
  })
  if (done.status !== 0) throw new Error(`mke2fs: ${done.stderr}`)
  return image
}
