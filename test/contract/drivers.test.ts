import assert from 'node:assert/strict'
import { tmpdir } from 'node:os'
import { drivers, probe } from 'graphdriver'
import { contract } from './suite.ts'

/** Drivers that have to work here: without one of them, the suite fails. */
const required = (process.env['REQUIRE'] ?? '').split(',').filter((name) => name !== '')
const reports = await probe(tmpdir())

for (const name of new Set([...drivers(), ...required])) {
  const report = reports.find(({ driver }) => driver === name)
  if (report?.supported === true) {
    contract(name)
    continue
  }
  const reason = report === undefined ? 'there is no such driver' : (report.reason ?? 'no reason given')
  const title = `contract of ${name}: does not work here: ${reason}`
  if (!required.includes(name)) it.skip(title)
  else it(title, () => assert.fail(`REQUIRE names ${name}: ${reason}`))
}
