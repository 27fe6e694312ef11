import { UsageError } from './usage.ts'

/** The words of a command line that belong to one verb. */
export class Input {
  readonly #values: ReadonlyMap<string, unknown>

  /** @param values arguments and options by name: a string, true, or a list of strings. */
  constructor(values: Readonly<Record<string, unknown>>) {
    this.#values = new Map(Object.entries(values))
  }

  /** A word that has to be there. */
  word(name: string): string {
    const value = this.maybe(name)
    if (value === undefined) throw new UsageError(`${name} is missing`)
    return value
  }

  /** A word, if it was given. */
  maybe(name: string): string | undefined {
    const value = this.#values.get(name)
    return typeof value === 'string' ? value : undefined
  }

  /** Those words that were given, by the names that the library has for them. */
  given<Name extends string>(names: Readonly<Record<Name, string>>): Partial<Record<Name, string>> {
    const pairs = Object.entries<string>(names).map(([name, word]) => [name, this.maybe(word)] as const)
    return Object.fromEntries(pairs.filter(([, value]) => value !== undefined)) as Partial<
      Record<Name, string>
    >
  }

  /** Whether an option without a value was given. */
  on(name: string): boolean {
    return this.#values.get(name) === true
  }

  /** The words of an argument that takes several. */
  words(name: string): string[] {
    const value = this.#values.get(name)
    return Array.isArray(value) ? value.map(String) : []
  }
}
