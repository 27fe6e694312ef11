import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { judgeDriver, judgeXino } from '#lib/cli/verbs/doctor/drivers.js'
import { isOlder, judgeKernel, KERNEL_BRINGS } from '#lib/cli/verbs/doctor/kernel.js'
import { judgeFilesystems } from '#lib/cli/verbs/doctor/machine.js'
import { judgeCapabilities, judgeSeccomp, judgeUserNamespace } from '#lib/cli/verbs/doctor/process.js'

const ALL = 'CapEff:\t000001ffffffffff\nSeccomp:\t0\n'
const DOCKER = 'CapEff:\t00000000a80425fb\nSeccomp:\t2\n'
const first = '         0          0 4294967295\n'
const user = {
  uidMap: first,
  isRoot: false,
  most: '1000',
  cloneAllowed: undefined,
  restricted: undefined,
  trial: undefined,
}

describe('doctor judges', () => {
  it('kernels by what they lack', () => {
    assert.equal(judgeKernel('6.18.0-13-amd64', 'x86_64').status, 'ok')
    const old = judgeKernel('5.10.0', 'x86_64')
    assert.equal(old.status, 'warning')
    assert.match(old.reason ?? '', /overlay in a user namespace/)
    assert.doesNotMatch(old.reason ?? '', /openat2/)
    assert.deepEqual(
      [isOlder('6.1', '6.13'), isOlder('6.13.2', '6.13'), isOlder('7.0-rc1', '6.13'), isOlder('5.9', '6.1')],
      [true, false, false, true],
    )
    // README has the same table.
    const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8')
    const versions = [...readme.matchAll(/^\| (\d+\.\d+) +\|/gm)].map(([, version]) => version)
    assert.deepEqual(
      KERNEL_BRINGS.map(({ version }) => version),
      versions,
    )
  })

  it('capabilities: what is missing, and what fails without', () => {
    assert.equal(judgeCapabilities(ALL).status, 'ok')
    const found = judgeCapabilities(DOCKER)
    assert.equal(found.found, 'without CAP_SYS_ADMIN')
    assert.match(found.reason ?? '', /nothing can be mounted/)
    assert.match(judgeCapabilities('').found, /CAP_CHOWN/)
  })

  it('user namespaces', () => {
    assert.equal(judgeUserNamespace({ ...user, isRoot: true }).status, 'ok')
    assert.match(judgeUserNamespace(user).found, /may make one/)
    for (const [key, value] of [
      ['most', '0'],
      ['cloneAllowed', '0'],
      ['restricted', '1'],
      ['trial', 'unshare: not permitted'],
    ]) {
      assert.match(judgeUserNamespace({ ...user, [key!]: `${value!}\n` }).found, /may not make one/)
    }
    assert.match(judgeUserNamespace({ ...user, uidMap: '0 1000 1\n' }).reason ?? '', /user\.\*/)
  })

  it('sandboxes: only where the process should be able to mount', () => {
    const judge = (status: string, mount?: string, fsopen?: string): string =>
      judgeSeccomp(status, { mount, fsopen }).status
    assert.equal(judge(ALL), 'ok')
    assert.equal(judge(DOCKER, 'EPERM', 'EPERM'), 'ok')
    assert.equal(judge('CapEff:\t000001ffffffffff\nSeccomp:\t2\n', 'EPERM', 'EPERM'), 'error')
    assert.equal(judge(ALL, 'EACCES', undefined), 'error')
    assert.equal(judge(ALL, undefined, 'ENOSYS'), 'warning')
    assert.equal(judge(ALL, 'ENOMEM', 'ENOMEM'), 'ok')
  })

  it('places for xino: only where aufs works and none of them will do', () => {
    const full = { directory: '/dev/shm', fault: '/dev/shm has no room left', freeBytes: 0 }
    const roomy = { directory: '/run/graphdriver', fault: undefined, freeBytes: 1 << 30 }
    assert.equal(judgeXino([full], false).status, 'ok')
    assert.equal(judgeXino([full, roomy], true).status, 'ok')
    const { status, found, remedy } = judgeXino([full], true)
    assert.equal(status, 'warning')
    assert.match(found, /no room left/)
    assert.match(remedy ?? '', /Make room/)
  })

  it('drivers: an error only where nothing works without', () => {
    const report = {
      driver: 'overlay',
      supported: false,
      code: 'ERR_DRIVER_BACKING_FS',
      reason: 'no',
      features: {},
    } as const
    assert.equal(judgeDriver(report).status, 'warning')
    assert.equal(judgeDriver(report, 'overlay').status, 'error')
    assert.equal(judgeDriver({ driver: 'vfs', supported: true, features: { A: 'b' } }).found, 'works; A: b')
    assert.equal(judgeFilesystems('nodev\toverlay\n\text4\n').found, 'overlay: there, aufs: not loaded')
  })
})
