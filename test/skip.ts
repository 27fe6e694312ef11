// The one place that skips. Whatever is skipped says in its title what is missing: `title (skipped: needs root)`.
import assert from 'node:assert/strict'

export type Body = (this: Mocha.Context) => unknown

/** Why something cannot be tried here; with a name by which REQUIRE may insist on it. */
export type Missing = string | { readonly reason: string; readonly name: string }

/** What has to be here, by the environment: `REQUIRE=overlay,judges`. What would be skipped for want of it fails instead. */
export const required: readonly string[] = (process.env['REQUIRE'] ?? '')
  .split(',')
  .filter((name) => name !== '')

/** Why this process is not allowed what root is; undefined when it is. */
export const notRoot: string | undefined = process.getuid?.() === 0 ? undefined : 'needs root'

function skipped(title: string, reason: string): string {
  return `${title} (skipped: ${reason})`
}

/** A case; where something is missing it is skipped, or it fails when REQUIRE names that. */
export function itUnless(missing: Missing | undefined, title: string, body: Body): Mocha.Test {
  if (missing === undefined) return it(title, body)
  const { reason, name } = typeof missing === 'string' ? { reason: missing, name: '' } : missing
  if (!required.includes(name)) return it.skip(skipped(title, reason)) // the caller's reason, in the title
  return it(title, () => assert.fail(`REQUIRE names ${name}: ${reason}`))
}

/** A suite, likewise. One case stands for all that are skipped: to name them, the body may take what is missing. */
export function describeUnless(
  missing: Missing | undefined,
  title: string,
  body: (this: Mocha.Suite) => void,
): void {
  if (missing === undefined) describe(title, body)
  else itUnless(missing, title, () => undefined)
}

/** Skips the case that runs; in a hook, those that the hook is for. */
export function skip(context: Mocha.Context, reason: string): never {
  for (const each of casesOf(context)) if (each !== undefined) each.title = skipped(each.title, reason)
  context.skip()
}

function casesOf({ test, currentTest }: Mocha.Context): (Mocha.Runnable | undefined)[] {
  if (test?.title.startsWith('"before each" hook')) return [currentTest]
  if (!test?.title.startsWith('"before all" hook')) return [test]
  const cases: Mocha.Runnable[] = []
  test.parent?.eachTest((each) => cases.push(each))
  return cases
}
