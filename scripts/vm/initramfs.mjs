// The initial file system of the machine: busybox, the init script and the kernel modules that it may ask for.
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { capture } from '../run.mjs'

/** Loaded before anything else. */
const boot = ['virtio_pci', 'virtio_blk', 'ext4']
const share = ['9p', '9pnet_virtio']
/** There for the kernel to ask for when something is mounted: loading them is part of what is tested. */
const onDemand = ['overlay', 'aufs', 'fuse', 'loop', 'squashfs', 'xfs', 'btrfs', 'f2fs', 'crc32c_generic']

const unpackers = { '.ko': undefined, '.xz': ['xz', '-dc'], '.zst': ['zstd', '-dcq'], '.gz': ['gzip', '-dc'] }

/** The version's directory of modules, given as such or as its parent. */
function versionOf(modules) {
  if (existsSync(join(modules, 'kernel'))) return basename(modules)
  throw new Error(`${modules} holds no kernel/ directory: give lib/modules/<version>`)
}

/** modules.dep as a map from path to the paths it needs; a package that was only unpacked has none yet. */
function dependencies(modules, version, work) {
  const base = join(work, 'base')
  mkdirSync(join(base, 'lib/modules'), { recursive: true })
  spawnSync('ln', ['-sfn', modules, join(base, 'lib/modules', version)])
  // modules.dep and modules.alias, one after the other.
  const done = spawnSync('depmod', ['-n', '-b', base, version], { encoding: 'utf8', maxBuffer: 1 << 28 })
  if (done.status !== 0) throw new Error(`depmod: ${done.stderr}`)
  const lines = done.stdout.split('\n')
  const pairs = lines.filter((line) => /^\S+\.ko(\.\w+)?:/.test(line)).map((line) => line.split(':'))
  const needs = new Map(pairs.map(([path, rest]) => [path, rest.trim().split(' ').filter(Boolean)]))
  const aliases = lines.filter((line) => line.startsWith('alias '))
  return { aliases, needs }
}

function nameOf(path) {
  return basename(path)
    .replace(/\.ko(\.\w+)?$/, '')
    .replaceAll('-', '_')
}

function copyModule(source, target) {
  const extension = /\.[^.]+$/.exec(source)[0]
  mkdirSync(dirname(target), { recursive: true })
  if (extension === '.ko') return copyFileSync(source, target)
  const [command, ...args] = unpackers[extension]
  const done = spawnSync(command, [...args, source], { maxBuffer: 1 << 28 })
  if (done.status !== 0) throw new Error(`${command} cannot unpack ${source}`)
  writeFileSync(target, done.stdout)
}

/** Copies the wanted modules and what they need, unpacked, with a modules.dep that says so. Answers their names. */
function copyModules(modules, tree, work) {
  const version = versionOf(modules)
  const { aliases, needs } = dependencies(modules, version, work)
  const wanted = [...boot, ...share, ...onDemand]
  const chosen = [...needs.keys()].filter((path) => wanted.includes(nameOf(path)))
  const all = new Set(chosen.flatMap((path) => [path, ...needs.get(path)]))
  const target = join(tree, 'lib/modules', version)
  const plain = (path) => path.replace(/\.ko\.\w+$/, '.ko')
  for (const path of all) copyModule(join(modules, path), join(target, plain(path)))
  const lines = [...all].map((path) => `${plain(path)}: ${(needs.get(path) ?? []).map(plain).join(' ')}`)
  writeFileSync(join(target, 'modules.dep'), `${lines.join('\n')}\n`)
  writeFileSync(join(target, 'modules.alias'), `${aliases.join('\n')}\n`)
  return [...all].map(nameOf)
}

/** Is this built into the kernel? Only known when its modules are at hand. */
function builtIn(modules, name) {
  const list = join(modules, 'modules.builtin')
  return (
    existsSync(list) &&
    readFileSync(list, 'utf8')
      .split('\n')
      .some((path) => nameOf(path) === name)
  )
}

/** Whether the kernel can mount the host's files: by a module, built in, or nobody knows. */
export function knows9p(modules) {
  if (!modules) return true
  const names = readdirSync(modules, { recursive: true }).map(nameOf)
  return names.includes('9p') || builtIn(modules, '9p')
}

/**
 * Makes the initramfs; answers its path.
 *
 * @param work an empty directory
 * @param words what init.sh is filled in with
 * @param policy a binary policy of SELinux that the machine is to load, or undefined
 */
export function makeInitramfs({ work, modules, words, policy }) {
  const tree = join(work, 'tree')
  mkdirSync(join(tree, 'bin'), { recursive: true })
  const busybox = capture('sh', ['-c', 'command -v busybox']).trim()
  copyFileSync(busybox, join(tree, 'bin/busybox'))
  chmodSync(join(tree, 'bin/busybox'), 0o755)
  if (policy) copyFileSync(policy, join(tree, 'policy'))
  const copied = modules ? copyModules(modules, tree, work) : []
  const load = [...boot, ...share].filter((name) => copied.includes(name))
  const script = readFileSync(join(import.meta.dirname, 'init.sh'), 'utf8')
  const filled = script.replace(/@(\w+)@/g, (_, word) => (word === 'MODULES' ? load.join(' ') : words[word]))
  writeFileSync(join(tree, 'init'), filled)
  chmodSync(join(tree, 'init'), 0o755)
  const image = join(work, 'initramfs')
  const done = spawnSync('sh', ['-c', `find . | cpio -o -H newc --quiet > '${image}'`], {
    cwd: tree,
    encoding: 'utf8',
  })
  if (done.status !== 0) throw new Error(`cpio: ${done.stderr}`)
  return image
}
