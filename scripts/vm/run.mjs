// `npm run test:vm -- --kernel PATH [--modules DIR] [--image] [--policy FILE] [suite…]`: boots a kernel image in QEMU with
// the checkout shared in, and runs the suites there as root. PATH may be `debian` or `debian-cloud`: apt's own kernels.
// FILE is a binary policy of SELinux, which is loaded, and enforces nothing.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { ensure } from '../apt.mjs'
import { root, run } from '../run.mjs'
import { debianKernel } from './debian.mjs'
import { makeImage } from './image.mjs'
import { knows9p, makeInitramfs } from './initramfs.mjs'

const needed = [
  ['qemu-system-x86_64', 'qemu-system-x86', 'the machine'],
  ['busybox', 'busybox-static', 'its first process'],
  ['cpio', 'cpio', 'packs its first files'],
  ['depmod', 'kmod', 'which module needs which'],
  ['mke2fs', 'e2fsprogs', 'makes its disks'],
]
/** What runs unasked: all that a kernel can make a difference to. */
const whole = ['unit', 'native', 'kernel', 'contract']
/** What reaches the suites inside. */
const passed = ['REQUIRE', 'GRAPHDRIVER_LONG', 'GRAPHDRIVER_NATIVE', 'GRAPHDRIVER_SEED']
const options = {
  kernel: { type: 'string' },
  modules: { type: 'string' },
  image: { type: 'boolean', default: false },
  policy: { type: 'string' },
  command: { type: 'string' },
  // tcg runs everywhere; kvm is faster where it works (inside another machine it often hangs).
  accel: { type: 'string', default: 'tcg' },
  memory: { type: 'string', default: '2048' },
  minutes: { type: 'string', default: '120' },
}

function quote(text) {
  return `"${text.replace(/["\\$`]/g, '\\$&')}"`
}

/** lib/modules/<version> beside the image's boot/ directory, as an unpacked package has it. */
function modulesOf(kernel) {
  const version = /vmlinuz-(.*)$/.exec(kernel)?.[1]
  const directory = version && join(dirname(kernel), '../lib/modules', version)
  return directory && existsSync(directory) ? directory : undefined
}

function scratch(work) {
  const disk = join(work, 'scratch.ext4')
  const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` }
  const done = spawnSync('mke2fs', ['-q', '-F', '-t', 'ext4', disk, '4G'], { encoding: 'utf8', env })
  if (done.status !== 0) throw new Error(`mke2fs: ${done.stderr}`)
  return disk
}

/** no_timer_check: on a host that is busy, an emulated timer looks broken, and the kernel would stop. */
const kernelWords = 'console=ttyS0 quiet loglevel=2 panic=-1 no_timer_check'

function machine({ kernel, initramfs, disks, share, result, memory, accel, policy }) {
  const drive = (file, index) => ['-drive', `file=${file},if=virtio,format=raw,cache=unsafe,index=${index}`]
  const files = ['-virtfs', 'local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap']
  return [
    ...['-machine', 'q35', '-accel', accel, '-cpu', 'max', '-smp', '2', '-m', memory],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
    ...[
      '-kernel',
      kernel,
      '-initrd',
      initramfs,
      '-append',
      `${kernelWords}${policy ? ' selinux=1 enforcing=0' : ''}`,
    ],
    ...['-serial', 'stdio', '-serial', `file:${result}`],
    ...disks.flatMap(drive),
    ...(share ? files : []),
  ]
}

function boot(values, suites, work) {
  const kernel = values.kernel.startsWith('debian')
    ? debianKernel(values.kernel.replace('debian', 'linux-image') + '-amd64')
    : resolve(values.kernel)
  const modules = values.modules ? resolve(values.modules) : modulesOf(kernel)
  const image = values.image || !knows9p(modules)
  console.log(`vm: ${kernel}, modules ${modules ?? 'none'}, files ${image ? 'in an image' : 'shared by 9p'}`)
  const environment = passed
    .filter((name) => process.env[name] !== undefined)
    .map((name) => `${name}=${quote(process.env[name])}`)
  const path = `PATH=${quote(`${dirname(process.execPath)}:/usr/sbin:/usr/bin:/sbin:/bin`)}`
  // An emulated processor: the suites give their cases more time, and leave out what takes hours.
  const slow = values.accel === 'tcg' ? ['GRAPHDRIVER_SLOW=10'] : []
  const words = {
    IMAGE: image ? 'yes' : 'no',
    CHECKOUT: root,
    ENVIRONMENT: ['HOME=/tmp', 'TMPDIR=/tmp', 'JUDGES=off', path, ...slow, ...environment].join(' '),
    COMMAND: values.command ?? `node scripts/test.mjs --no-build ${suites.join(' ')}`,
  }
  const result = join(work, 'result')
  const disks = [scratch(work), ...(image ? [makeImage(work)] : [])]
  const initramfs = makeInitramfs({ work, modules, words, policy: values.policy })
  const args = machine({
    kernel,
    initramfs,
    disks,
    share: !image,
    result,
    memory: values.memory,
    accel: values.accel,
    policy: values.policy,
  })
  const status = run('qemu-system-x86_64', args, {
    stdio: ['ignore', 'inherit', 'inherit'],
    timeout: Number(values.minutes) * 60_000,
  })
  const text = existsSync(result) ? readFileSync(result, 'utf8').trim() : ''
  if (status !== 0 || text === '') {
    console.log(`vm: it ended without a result (QEMU: ${status})\n0 passed, 1 failed`)
    return 1
  }
  return Number(text)
}

const { values, positionals } = parseArgs({ options, allowPositionals: true })
if (!values.kernel) {
  console.error(
    'usage: npm run test:vm -- --kernel PATH|debian|debian-cloud [--modules DIR] [--image] [--policy FILE] [suite…]',
  )
  process.exit(2)
}
if (ensure(needed).length > 0) process.exit(2)
const built = run(process.execPath, [join(root, 'scripts/build.mjs')])
if (built !== 0) process.exit(built)
const work = mkdtempSync(join(tmpdir(), 'graphdriver-vm-'))
try {
  process.exitCode = boot(values, positionals.length > 0 ? positionals : whole, work)
} finally {
  rmSync(work, { recursive: true, force: true })
}
