import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { drivers, probe, type ProbeReport } from 'graphdriver'
import { installFake } from '../fake-aufs/install.ts'
import { describeUnless, required } from '../skip.ts'
import { contract } from './suite.ts'
import { privileged, setTraits, traitsOf } from './support.ts'

const reports = await probe(tmpdir())
const reportOf = (name: string): ProbeReport | undefined => reports.find(({ driver }) => driver === name)

function isInKernel(filesystem: string): boolean {
  return readFileSync('/proc/filesystems', 'utf8').split('\n').includes(`nodev\t${filesystem}`)
}

const branches = parseInt(reportOf('aufs')?.features['Branch Limit'] ?? '')
if (branches > 0) setTraits('aufs', { union: true, ancestors: branches - 1 })

for (const name of new Set([...drivers(), ...required])) {
  const report = reportOf(name)
  if (report?.supported === true) {
    contract(name)
    continue
  }
  const reason = report === undefined ? 'there is no such driver' : (report.reason ?? 'no reason given')
  if (name === 'aufs' && !privileged && isInKernel('aufs')) {
    it('aufs, which this kernel has, is refused in a user namespace, and says why', () => {
      assert.equal(report?.code, 'ERR_DRIVER_PREREQUISITE')
      assert.match(reason, /user namespace.*allow_userns/)
    })
    continue
  }
  describeUnless({ name, reason: `does not work here: ${reason}` }, `contract of ${name}`, () =>
    contract(name),
  )
}

const real = reportOf('aufs')?.supported === true
if (!real && privileged && reportOf('overlay')?.supported === true) {
  describe('on a fake kernel with aufs', () => {
    let directory: string
    let takeAway: () => void
    before(() => {
      directory = mkdtempSync(join(tmpdir(), 'fake-aufs-'))
      takeAway = installFake(directory)
    })
    after(async () => {
      takeAway()
      await rm(directory, { recursive: true })
    })
    setTraits('aufs', { ...traitsOf('aufs'), blind: true })
    contract('aufs')
  })
}
