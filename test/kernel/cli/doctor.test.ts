import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { skip } from '../../skip.ts'
import { describeMounts } from '../namespace.ts'
import { bin, Shell } from './support.ts'

interface Finding {
  check: string
  status: string
  found: string
  reason?: string
  remedy?: string
}

describeMounts('graphdriver doctor', function (directory) {
  // Every step is a process of its own, and the machine may be busy with others.
  this.timeout(240_000)
  let shell: Shell
  beforeEach(() => {
    shell = new Shell(directory())
  })

  function examine(code = 0, ...words: string[]): { status: string; of: (check: string) => Finding } {
    const done = shell.run(['doctor', '--json', ...words])
    assert.equal(done.code, code, done.err)
    const { status, findings } = JSON.parse(done.out) as { status: string; findings: Finding[] }
    const of = (check: string): Finding => {
      const found = findings.find((one) => one.check === check)
      assert.ok(found, check)
      // Whatever is not ok says why, and what to do.
      if (found.status !== 'ok') assert.ok(found.reason && found.remedy, check)
      return found
    }
    return { status, of }
  }

  it('looks at all that decides, and leaves nothing behind', () => {
    const { of } = examine()
    const checks = [
      ...[
        'kernel',
        'addon',
        'page-size',
        'capabilities',
        'user-namespace',
        'seccomp',
        'filesystems',
        'mounts',
      ],
      ...['driver-aufs', 'driver-overlay', 'driver-vfs', 'xino', 'backing', 'store'],
    ]
    for (const check of checks) of(check)
    assert.match(of('kernel').found, /^Linux \d/)
    assert.match(of('backing').found, /^tmpfs at /)
    assert.match(of('xino').found, /\/run\/graphdriver: .*\/dev\/shm: /)
    assert.match(of('store').found, /^none at /)
    assert.equal(of('driver-vfs').status, 'ok')
    assert.deepEqual(readdirSync(directory()), [])
    assert.match(shell.ok('doctor'), /^(ok|warning) +Kernel +Linux/)
  })

  it('finds corrupt layers, orphans, leftovers and what is mounted', () => {
    for (const id of ['base', 'broken', 'lost']) shell.ok('create', id)
    shell.ok('create', 'app', '-p', 'base')
    shell.ok('mount', 'app')
    assert.equal(examine().of('layers').status, 'ok')
    writeFileSync(join(shell.root, 'layers/broken'), 'nosuch\n')
    shell.line('rm -r store/diff/lost')
    mkdirSync(join(shell.root, 'diff/orphan'))
    mkdirSync(join(shell.root, 'staging/app.0123'))
    mkdirSync(join(shell.root, 'diff/x-removing'))
    writeFileSync(join(shell.root, 'layers/.gone-y'), '')
    const { status, of } = examine(3)
    assert.equal(status, 'error')
    assert.equal(of('layers').status, 'error')
    assert.equal(of('layers').found, '4 layers, corrupt: broken, lost')
    assert.deepEqual([of('orphans').status, of('orphans').found], ['warning', 'orphan'])
    for (const name of ['staging/app.0123', 'diff/x-removing', 'layers/.gone-y']) {
      assert.match(of('leftovers').found, new RegExp(name))
    }
    assert.equal(of('mounted').found, 'app')
    // It looked only.
    assert.deepEqual(readdirSync(join(shell.root, 'staging')), ['app.0123'])
    shell.ok('cleanup', '--orphans')
    assert.equal(examine(3).of('leftovers').found, 'none')
  })

  it('an error is what keeps this store from working', () => {
    shell.ok('create', 'a', '--driver', 'overlay')
    shell.ok('convert', '--to', 'aufs')
    const there = /\taufs$/m.test(readFileSync('/proc/filesystems', 'utf8'))
    const { status, of } = examine(there ? 0 : 3)
    if (!there) assert.equal(status, 'error')
    assert.equal(of('driver-aufs').status, there ? 'ok' : 'error')
  })

  it('tells of a root that cannot be one, in words', () => {
    writeFileSync(join(directory(), 'file'), '')
    const { of } = examine(3, '--root', 'file/store')
    assert.match(of('store').reason ?? '', /ENOTDIR/)
    const full = examine(0, '--root', '/dev/shm/nosuch')
    assert.match(full.of('backing').found, /^tmpfs at \/dev\/shm/)
  })

  it('sees what a process lacks', () => {
    const own = `"${process.execPath}" ${JSON.stringify(bin)}`
    const done = shell.line(`setpriv --bounding-set -sys_admin,-mknod ${own} doctor --json`)
    const { findings } = JSON.parse(done.out) as { findings: Finding[] }
    const of = (check: string): Finding => findings.find((one) => one.check === check)!
    assert.equal(of('capabilities').found, 'without CAP_SYS_ADMIN, CAP_MKNOD')
    assert.equal(of('driver-overlay').status, 'warning')
    const mapped = shell.line(`unshare --user --map-root-user ${own} doctor --json`)
    const nested = JSON.parse(mapped.out) as { findings: Finding[] }
    assert.equal(nested.findings.find(({ check }) => check === 'user-namespace')!.status, 'warning')
  })

  describe('in a sandbox', () => {
    const newer = 'fsopen,fsconfig,fsmount,fspick,move_mount,open_tree,mount_setattr'
    let sandbox = ''
    beforeEach(function () {
      sandbox = join(directory(), 'sandbox')
      const source = join(import.meta.dirname, '../drivers/sandbox.c')
      execFileSync('cc', ['-O1', '-o', sandbox, source], { stdio: 'pipe' })
      if (spawnSync(sandbox, ['1', 'fsopen', 'true']).status !== 0)
        skip(this, 'this kernel has no seccomp filters')
    })

    /** What doctor finds when a shell starts it by some words. */
    function within(words: string): { code: number | null; of: (check: string) => Finding } {
      const done = shell.line(`${words} "${process.execPath}" "${bin}" doctor --json`)
      assert.equal(done.err, '')
      const { findings } = JSON.parse(done.out) as { findings: Finding[] }
      return { code: done.code, of: (check) => findings.find((one) => one.check === check)! }
    }

    it('that forbids mounting: an error, and what a profile has to allow', () => {
      for (const calls of ['mount', `mount,${newer}`]) {
        const { code, of } = within(`${sandbox} ${String(constants.errno.EPERM)} ${calls}`)
        assert.equal(code, 3)
        assert.equal(of('seccomp').status, 'error')
        assert.equal(of('seccomp').found, 'a filter is in place; mount(2) says EPERM')
        assert.match(of('seccomp').remedy ?? '', /seccomp=unconfined.*a profile that allows mount, /)
        assert.equal(of('driver-overlay').found, 'ERR_DRIVER_PREREQUISITE')
        assert.match(of('driver-overlay').remedy ?? '', /seccomp profile/)
        assert.equal(of('driver-vfs').status, 'ok')
      }
    })

    it('that hides the newer calls: it works, and what is missing is said', () => {
      for (const code of ['EPERM', 'ENOSYS'] as const) {
        const { code: exit, of } = within(`${sandbox} ${String(constants.errno[code])} ${newer}`)
        assert.equal(exit, 0)
        assert.equal(of('seccomp').status, 'warning')
        assert.equal(of('seccomp').found, `a filter is in place; fsopen(2) says ${code}`)
        assert.match(of('seccomp').remedy ?? '', /fsopen/)
        assert.equal(of('driver-overlay').status, 'ok')
      }
    })

    it('without user namespaces an ordinary user is told who forbids them', () => {
      const nobody = 'setpriv --reuid 65534 --regid 65534 --clear-groups'
      const filtered = within(`${nobody} ${sandbox} ${String(constants.errno.EPERM)} unshare`)
      const none = within(
        `echo 0 >none; unshare --mount --propagation private sh -c 'mount --bind none /proc/sys/user/max_user_namespaces && exec ${nobody} "$@"' sh`,
      )
      for (const [{ code, of }, why] of [
        [filtered, /^unshare: .*not permitted, so only the driver vfs works$/],
        [none, /^user\.max_user_namespaces is 0, so only the driver vfs works$/],
      ] as const) {
        const { status, found, reason, remedy } = of('user-namespace')
        assert.deepEqual([code, status, found], [0, 'warning', 'an ordinary user, who may not make one'])
        assert.match(reason ?? '', why)
        assert.match(remedy ?? '', /sysctl.*seccomp profile/)
        assert.equal(of('driver-overlay').status, 'warning')
      }
    })
  })

  it('/dev/shm without room is told of, also as the place of the root', () => {
    const full = 'mount -t tmpfs -o size=4k full /dev/shm && echo 1 >/dev/shm/full && exec "$@"'
    const covered = `unshare --mount --propagation private sh -c '${full}' sh "${process.execPath}" "${bin}" doctor`
    const done = shell.line(`${covered} --json; ${covered} --root /dev/shm/store`)
    assert.equal(done.code, 0, done.err)
    const [json = '', ...text] = done.out.split('\n')
    const { findings } = JSON.parse(json) as { findings: Finding[] }
    assert.match(findings.find(({ check }) => check === 'xino')!.found, /\/dev\/shm has no room left/)
    assert.match(
      text.join('\n'),
      /\nwarning +Filesystem of the root +tmpfs at \/dev\/shm, 0 B.*\n +there is little room left\n +→ .*larger filesystem/,
    )
  })

  it('explains codes and errnos', () => {
    assert.match(shell.ok('doctor', 'EBUSY'), /^EBUSY \(16\): .*\n.*\n\n\S/)
    assert.equal(shell.ok('doctor', '16'), shell.ok('doctor', 'ebusy'))
    const { code, cause, remedy } = shell.json('doctor', 'ERR_LAYER_BUSY')
    assert.equal(code, 'ERR_LAYER_BUSY')
    assert.ok(cause && remedy)
    assert.match(shell.ok('doctor', 'ENOTTY'), /^ENOTTY \(25\)/)
  })
})
