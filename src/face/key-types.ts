/**
 * What the compiler knows of keys and values.
 *
 * A map names keys and the types of their values: `{ 'user:{id}': User; motd: string }`. A part in braces stands for any
 * text. Without a map every key is allowed, and what is read is `unknown` unless the caller says otherwise.
 */

declare const untyped: unique symbol
declare const keys: unique symbol

/** No map: any key, any value. */
export interface Untyped {
  readonly [untyped]: true
}

/** Says that a type is a map of keys, where it would else be taken for the type of every value: `namespace<Keys<{ … }>>('n')`. */
export interface Keys<Map extends object> {
  readonly [keys]: Map
}

/** The map in which every key has values of one type. */
export type ValuesOf<Value> = Record<string, Value>

/** The map that a type given for a namespace stands for. */
export type MapOf<Given> = [Given] extends [never] ? Untyped : Given extends Keys<infer Map> ? Map : ValuesOf<Given>

/** The keys that fit a name of a map. */
type Fitting<Name extends string> = Name extends `${infer Before}{${string}}${infer After}` ? `${Before}${string}${Fitting<After>}` : Name

type NamesOf<Map> = keyof Map & string

/** The keys of which a map says what their values are; none without a map. */
export type KnownKey<Map> = Map extends Untyped ? never : { [Name in NamesOf<Map>]: Fitting<Name> }[NamesOf<Map>]

/** The keys of which nothing is known; none with a map. */
export type UnknownKey<Map> = Map extends Untyped ? string : never

export type AnyKey<Map> = KnownKey<Map> | UnknownKey<Map>

/** The names that a key fits. */
type Fits<Map, Key> = { [Name in NamesOf<Map>]: Key extends Fitting<Name> ? Name : never }[NamesOf<Map>]

/** Of names that all fit, those within whose keys no other one's lie: `user:{id}:posts` rather than `user:{id}`. */
type Narrowest<Names extends string, All extends string = Names> = Names extends string ? (true extends IsWider<Names, All> ? never : Names) : never
type IsWider<Name extends string, Other extends string> = Other extends string
  ? (Fitting<Other> extends Fitting<Name> ? (Fitting<Name> extends Fitting<Other> ? false : true) : false)
  : never

/** What a map says of the values of a key. */
export type ValueAt<Map, Key> = Narrowest<Fits<Map, Key>> extends infer Name ? (Name extends keyof Map ? Map[Name] : never) : never

/** A result of a loader of the key: its value, or undefined for none. */
export type LoadedAt<Map, Key> = ValueAt<Map, Key> | undefined

/** What `getOrSet` resolves to: the value, and undefined only where the loader may say so. */
export type GotAt<Map, Key, Loaded> = ValueAt<Map, Key> | Extract<Loaded, undefined>
