// Which drivers work in the temporary directory. It is asked once, when the tests are read.
import { tmpdir } from 'node:os'
import { probe } from 'graphdriver'
import { type Body, describeUnless, itUnless, type Missing } from '../skip.ts'

const reports = await probe(tmpdir())

/** All drivers, that first which is taken where none is named. */
export const allDrivers: readonly string[] = reports.map(({ driver }) => driver)

export const workingDrivers: readonly string[] = reports
  .filter(({ supported }) => supported)
  .map(({ driver }) => driver)

/** Why a driver does not work here; undefined when it does. */
export function whyNot(driver: string): Missing | undefined {
  if (workingDrivers.includes(driver)) return undefined
  const reason = reports.find((report) => report.driver === driver)?.reason
  return { name: driver, reason: `${driver} does not work here: ${reason ?? 'no reason given'}` }
}

/** A case that takes a driver: skipped where that does not work, or failed where REQUIRE names it. */
export function itOn(driver: string, title: string, body: Body): void {
  itUnless(whyNot(driver), title, body)
}

/** A suite, likewise. */
export function describeOn(driver: string, title: string, body: (this: Mocha.Suite) => void): void {
  describeUnless(whyNot(driver), title, body)
}
