/*
** One source for Lua 5.1 (PUC and LuaJIT) and 5.2 to 5.4.
** The code is written against the 5.4 API; this file gives the older ones
** just the calls that are used. The object for 5.1 is compiled against PUC's
** headers, so that the same file loads into LuaJIT, which exports more.
*/
#ifndef PGV_COMPAT_H
#define PGV_COMPAT_H

#include <lauxlib.h>
#include <lua.h>

#if LUA_VERSION_NUM < 504
#define lua_newuserdatauv(L, size, nuv) lua_newuserdata(L, size)
/* one value per userdata, and it must be a table */
#if LUA_VERSION_NUM < 502
#define lua_getiuservalue(L, i, nuv) lua_getfenv(L, i)
#define lua_setiuservalue(L, i, nuv) lua_setfenv(L, i)
#else
#define lua_getiuservalue(L, i, nuv) lua_getuservalue(L, i)
#define lua_setiuservalue(L, i, nuv) lua_setuservalue(L, i)
#endif
#endif

/* [-0, +1, -] pushes t[i] and returns its type */
#if LUA_VERSION_NUM < 503
#define pgv_rawgeti(L, t, i) (lua_rawgeti(L, t, i), lua_type(L, -1))
#else
#define pgv_rawgeti(L, t, i) lua_rawgeti(L, t, i)
#endif

#if LUA_VERSION_NUM < 503
/* [-0, +0, -] a number without a fraction is what 5.3 calls an integer */
#define lua_isinteger(L, i) pgv_isinteger(L, i)
int pgv_isinteger(lua_State *L, int i);
#endif

#if LUA_VERSION_NUM < 502
#define LUA_OK 0
#define lua_rawlen lua_objlen
#define lua_absindex(L, i)                                                    \
  ((i) > 0 || (i) <= LUA_REGISTRYINDEX ? (i) : lua_gettop(L) + (i) + 1)
#define luaL_newlib(L, l)                                                     \
  (lua_createtable(L, 0, (int)(sizeof(l) / sizeof((l)[0]) - 1)),              \
   luaL_setfuncs(L, l, 0))

/* macros, because LuaJIT's own library exports functions of these names */
#define luaL_setfuncs pgv_setfuncs
#define luaL_setmetatable pgv_setmetatable
#define luaL_testudata pgv_testudata
void luaL_setfuncs(lua_State *L, const luaL_Reg *l, int nup);
void luaL_setmetatable(lua_State *L, const char *name);
void *luaL_testudata(lua_State *L, int i, const char *name);
#endif

#endif
